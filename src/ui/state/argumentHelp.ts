// What the editor knows of arguments: asked of the plan worker, which has the registries, once a plan.

import type { ArgumentDocs } from '../../contracts/argumentDocs.ts';
import type { WorkerClients } from '../../worker/client.ts';
import type { ConfigCheck } from './configCheck.svelte.ts';
import type { PlanState } from './planState.svelte.ts';

interface Question {
  /** Asked of it. */
  readonly plan: unknown;
  readonly answer: Promise<ArgumentDocs | null>;
}

export class ArgumentHelp {
  readonly #clients: WorkerClients;
  readonly #check: Pick<ConfigCheck, 'lastValues'>;
  readonly #plan: Pick<PlanState, 'value'>;
  #asked: Question | null = null;

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
    if (this.#asked?.plan !== plan || !this.#asked) this.#asked = this.#ask(plan);
    return this.#asked.answer;
  }

  #ask(plan: unknown): Question {
    const question: Question = {
      plan,
      // A worker that hangs is told by the plan itself.
      answer: this.#clients.plans.describeArguments().catch(() => {
        // A newer one stays.
        if (this.#asked === question) this.#asked = null;
        return null;
      }),
    };
    return question;
  }

  /** The open config as it was when it could be read last. */
  get resolved(): Readonly<Record<string, unknown>> | null {
    return this.#check.lastValues;
  }
}
