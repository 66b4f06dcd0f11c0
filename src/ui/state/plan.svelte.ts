// What the open config would train: asked of the plan worker a moment after each edit, while a panel shows it.

import { untrack } from 'svelte';
import type { Problem } from '../../contracts/problem.ts';
import { toErrorReport, type ErrorReport } from '../../errors/trainerError.ts';
import type { WorkerClients } from '../../worker/client.ts';
import type { Plan as RunPlan } from '../../worker/protocol.ts';
import type { ConfigCheck } from './configCheck.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

/** Longer than the pause after which edits are stored. */
const DESCRIBE_DELAY_MS = 450;

export class Plan {
  /** Of the last text that could be built; null before there was one. */
  value = $state.raw<RunPlan | null>(null);
  /** Why the text as it is now can't be built. */
  error = $state.raw<ErrorReport | null>(null);
  /** What is wrong with the text as it is now, or doesn't act. */
  problems = $state.raw<readonly Problem[]>([]);
  /** False while the text is newer than the plan. */
  isCurrent = $state(false);

  readonly #clients: WorkerClients;
  readonly #workspace: Workspace;
  readonly #check: ConfigCheck;
  #round = 0;
  #path: string | null = null;

  constructor(clients: WorkerClients, workspace: Workspace, check: ConfigCheck) {
    this.#clients = clients;
    this.#workspace = workspace;
    this.#check = check;
  }

  /** Describe the config now and whenever it changes. Call inside a component. */
  follow(): void {
    $effect(() => {
      const path = this.#workspace.configPath;
      const { values } = this.#check;
      this.isCurrent = false;
      if (path !== this.#path) {
        this.value = null;
        this.error = null;
      }
      this.#path = path;
      if (path === null || values === null) return;
      // A panel that is opened shouldn't wait for edits that there are none of.
      const isSaved = untrack(() => this.#workspace.saveState === 'saved');
      const delay = isSaved ? 0 : DESCRIBE_DELAY_MS;
      const timer = setTimeout(() => void this.#describe(path), delay);
      return () => clearTimeout(timer);
    });
  }

  async #describe(configPath: string): Promise<void> {
    const round = ++this.#round;
    try {
      await this.#workspace.flush();
      const value = await this.#clients.plans.describe(configPath);
      if (round !== this.#round) return;
      const problem = value.problems.find(({ severity }) => severity === 'error');
      this.problems = value.problems;
      if (value.optimizer !== null) this.value = value;
      this.error =
        value.optimizer === null && problem ? { ...problem, name: 'ConfigError', isInputError: true } : null;
    } catch (error) {
      if (round !== this.#round) return;
      this.error = toErrorReport(error);
    }
    this.isCurrent = true;
  }
}
