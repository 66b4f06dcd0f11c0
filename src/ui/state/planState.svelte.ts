// What the open config would train, and everything that is wrong with it: asked of a worker after each pause in typing.

import { tick } from 'svelte';
import type { Plan } from '../../contracts/plan.ts';
import type { Problem } from '../../contracts/problem.ts';
import { toErrorReport } from '../../errors/trainerError.ts';
import type { WorkerClients } from '../../worker/client.ts';
import { asProblems } from '../problems.ts';
import type { ConfigCheck } from './configCheck.svelte.ts';
import type { Datasets } from './datasets.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

/** On top of the pause before the config is read. */
const PLAN_DELAY_MS = 150;
/** What takes longer is said to take long. */
const SLOW_MS = 1000;

export class PlanState {
  /** Of the last text whose optimizer could be built; null before there was one. */
  value = $state.raw<Plan | null>(null);
  /** What is wrong with the text as it was when planned last, or doesn't act: errors first. */
  problems = $state.raw<readonly Problem[]>([]);
  /** False while the text, a file beside it or the data is newer than the problems. */
  isCurrent = $state(false);
  /** Whether a plan has been worked on for more than a second. */
  isSlow = $state(false);
  readonly hasErrors = $derived(this.problems.some(({ severity }) => severity === 'error'));

  readonly #clients: WorkerClients;
  readonly #workspace: Workspace;
  readonly #check: ConfigCheck;
  readonly #datasets: Datasets;
  /** Counts the changes of what is planned. */
  #round = 0;
  #path: string | null = null;
  #isWanted = false;
  #isWorking = false;
  /** Whether there was no answer, which says nothing of the config. */
  #isUnanswered = false;

  constructor(clients: WorkerClients, workspace: Workspace, check: ConfigCheck, datasets: Datasets) {
    this.#clients = clients;
    this.#workspace = workspace;
    this.#check = check;
    this.#datasets = datasets;
  }

  /** Plan the config now and whenever it changes. Call inside a component, behind the check's. */
  follow(): void {
    $effect(() => {
      const path = this.#workspace.configPath;
      const { isCurrent, values, diagnostics } = this.#check;
      // Read so that a keystroke, another file and other data count.
      void this.#workspace.text;
      void this.#datasets.list;
      this.#round += 1;
      this.isCurrent = false;
      if (path !== this.#path) {
        this.#path = path;
        this.value = null;
        this.problems = [];
      }
      if (path === null || !isCurrent) return;
      if (values === null) {
        // Text that can't be read has no plan; what is wrong with it is known already.
        this.#settle(asProblems(diagnostics));
        return;
      }
      const timer = setTimeout(() => this.#start(), PLAN_DELAY_MS);
      return () => clearTimeout(timer);
    });
  }

  /** Wait for the problems of the text as it is now, as long as its config stays the open one. */
  async whenCurrent(): Promise<void> {
    const path = this.#workspace.configPath;
    // What changed a moment ago is noticed with the next flush of effects.
    await tick();
    if (this.#isUnanswered) {
      this.isCurrent = false;
      this.#start();
    }
    const isDone = (): boolean => this.isCurrent || path === null || this.#workspace.configPath !== path;
    if (isDone()) return;
    await new Promise<void>((resolve) => {
      const stop = $effect.root(() => {
        $effect(() => {
          if (!isDone()) return;
          resolve();
          queueMicrotask(() => stop());
        });
      });
    });
  }

  /** One plan at a time; what changes meanwhile is planned next. */
  #start(): void {
    this.#isWanted = true;
    if (!this.#isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#isWanted && this.#path !== null) {
      this.#isWanted = false;
      await this.#plan(this.#path);
    }
    this.#isWorking = false;
  }

  async #plan(configPath: string): Promise<void> {
    const round = this.#round;
    const slow = setTimeout(() => (this.isSlow = true), SLOW_MS);
    try {
      await this.#workspace.flush();
      const plan = await this.#clients.plans.describe(configPath);
      if (round !== this.#round) return;
      if (plan.optimizer !== null) this.value = plan;
      this.#settle(plan.problems);
    } catch (error) {
      if (round !== this.#round) return;
      const { code, message, path, span, hint } = toErrorReport(error);
      this.#settle([{ severity: 'error', code, message, path, span, hint }]);
      this.#isUnanswered = true;
    } finally {
      clearTimeout(slow);
      this.isSlow = false;
    }
  }

  #settle(problems: readonly Problem[]): void {
    // None before and none now is no change.
    if (problems.length > 0 || this.problems.length > 0) this.problems = problems;
    this.isCurrent = true;
    this.#isUnanswered = false;
  }
}
