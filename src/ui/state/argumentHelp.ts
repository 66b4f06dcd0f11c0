// What the editor knows of arguments: asked of the plan worker, which has the registries, once a plan.

import type { ArgumentDocs } from '../../contracts/argumentDocs.ts';
import type { WorkerClients } from '../../worker/client.ts';
import type { ConfigCheck } from './configCheck.svelte.ts';
import type { PlanState } from './planState.svelte.ts';

export class ArgumentHelp {
  readonly #clients: WorkerClients;
  readonly #check: Pick<ConfigCheck, 'lastValues'>;
  readonly #plan: Pick<PlanState, 'value'>;
  #asked: { readonly plan: unknown; readonly answer: Promise<ArgumentDocs | null> } | null = null;

  constructor(
    clients: WorkerClients,
    check: Pick<ConfigCheck, 'lastValues'>,
    plan: Pick<PlanState, 'value'>,
  ) {
    this.#clients = clients;
    this.#check = check;
    this.#plan = plan;
  }

  /** Of our classes, and of the person's in the plan that was made last; null when the worker doesn't answer. */
  arguments(): Promise<ArgumentDocs | null> {
    const { value: plan } = this.#plan;
    if (this.#asked?.plan !== plan || !this.#asked) {
      // A worker that hangs is told by the plan itself.
      const answer = this.#clients.plans.describeArguments().catch(() => {
        if (this.#asked?.answer === answer) this.#asked = null;
        return null;
      });
      this.#asked = { plan, answer };
    }
    return this.#asked.answer;
  }

  /** The open config as it was when it could be read last. */
  get resolved(): Readonly<Record<string, unknown>> | null {
    return this.#check.lastValues;
  }
}
