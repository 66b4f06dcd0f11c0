// Everything that is wrong, as one list, and where the person wants to be led.

import type { Problem } from '../../contracts/problem.ts';
import { countText, listProblems } from '../problems.ts';
import type { ModuleCheck } from './moduleCheck.svelte.ts';
import type { PlanState } from './planState.svelte.ts';
import type { Runs } from './runs.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

/** A place in the open file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export class Problems {
  /** Where the editor's cursor is to go. */
  reveal = $state.raw<Place | null>(null);
  /** Why Train did not start, for who can't see where the cursor went. */
  refusal = $state('');
  /** Whether Train waits for the plan. */
  isStarting = $state(false);
  /** Ends that waiting. */
  #stopWaiting: (() => void) | null = null;

  readonly #workspace: Workspace;
  readonly #plan: PlanState;
  readonly #moduleCheck: ModuleCheck;
  readonly #runs: Runs;

  constructor(workspace: Workspace, plan: PlanState, moduleCheck: ModuleCheck, runs: Runs) {
    this.#workspace = workspace;
    this.#plan = plan;
    this.#moduleCheck = moduleCheck;
    this.#runs = runs;
  }

  readonly list = $derived.by(() =>
    listProblems({
      planned: this.#plan.problems,
      types: this.#moduleCheck.diagnostics,
      failure: this.#runs.failure,
    }),
  );
  /** `2 errors, 1 warning`. */
  readonly countText = $derived(countText(this.list));
  /** The first one that Train waits for; null when it may start. */
  readonly obstacle = $derived(this.list.find(({ stopsTrain }) => stopsTrain) ?? null);
  /** Those to underline in the open file: TypeScript underlines its own. */
  readonly inOpenFile = $derived.by(() =>
    listProblems({ planned: this.#plan.problems, types: [], failure: this.#runs.failure }).filter(
      ({ span }) => span?.file === this.#workspace.openPath,
    ),
  );

  /** Put the cursor where a problem is; at the config's start where it has no place. */
  async goTo({ span }: Problem): Promise<void> {
    const file = span?.file ?? this.#workspace.configPath;
    if (file !== null && file !== this.#workspace.openPath && this.#workspace.has(file))
      await this.#workspace.open(file);
    this.reveal = { line: span?.line ?? 1, column: span?.column ?? 1 };
  }

  /**
   * Train the config that is open now, once its plan is known to have no errors; lead to the first one otherwise. Where
   * another config is opened meanwhile, nothing starts.
   */
  async train(): Promise<void> {
    const path = this.#workspace.configPath;
    if (this.isStarting || path === null) return;
    this.isStarting = true;
    this.refusal = '';
    let isStopped = false;
    const stopped = new Promise<void>((resolve) => {
      this.#stopWaiting = () => {
        isStopped = true;
        resolve();
      };
    });
    try {
      await Promise.race([this.#plan.whenCurrent(), stopped]);
    } finally {
      this.isStarting = false;
      this.#stopWaiting = null;
    }
    if (isStopped) {
      this.refusal = 'Not started: stopped while the config was checked';
      return;
    }
    if (this.#workspace.configPath !== path) {
      this.refusal = `Not started: another file was opened before ${path} was checked`;
      return;
    }
    const { obstacle } = this;
    if (!obstacle) return this.#runs.train(path);
    this.refusal = `Not started: ${this.countText}. ${obstacle.message}`;
    await this.goTo(obstacle);
  }

  /** Start nothing, where Train still waits for the plan. */
  stopStarting(): void {
    this.#stopWaiting?.();
  }
}
