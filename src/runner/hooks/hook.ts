import type { RunState } from '../runState.ts';

/** The ten stages, in the order of a run. Source: mmcv 1.7.2 `hooks/hook.py`. */
export const STAGES = [
  'beforeRun',
  'beforeTrainEpoch',
  'beforeTrainIter',
  'afterTrainIter',
  'afterTrainEpoch',
  'beforeValEpoch',
  'beforeValIter',
  'afterValIter',
  'afterValEpoch',
  'afterRun',
] as const;

export type Stage = (typeof STAGES)[number];
export type GenericStage = 'beforeEpoch' | 'afterEpoch' | 'beforeIter' | 'afterIter';
type Done = void | Promise<void>;
/** A hook's part of a checkpoint (`meta.tabtrain.hooks`). */
export type HookState = Record<string, unknown>;

/** A generic stage stands for two specific ones. */
const GENERIC: Readonly<Record<GenericStage, readonly Stage[]>> = {
  beforeEpoch: ['beforeTrainEpoch', 'beforeValEpoch'],
  afterEpoch: ['afterTrainEpoch', 'afterValEpoch'],
  beforeIter: ['beforeTrainIter', 'beforeValIter'],
  afterIter: ['afterTrainIter', 'afterValIter'],
};

/**
 * Base of every hook. The runner calls the stages like this:
 *
 *     beforeRun
 *     while epoch < max_epochs, for each (mode, n) of the workflow:
 *       beforeTrainEpoch                | beforeValEpoch
 *       for each batch:                 | for each batch:
 *         beforeTrainIter               |   beforeValIter
 *         forward, backward             |   forward
 *         afterTrainIter                |   afterValIter
 *       afterTrainEpoch                 | afterValEpoch
 *     afterRun
 *
 * `IterBasedRunner` calls `beforeEpoch` once before its loop and `afterEpoch` once behind it, and never the four
 * specific epoch stages.
 *
 * The specific stages fall back to `beforeEpoch`, `afterEpoch`, `beforeIter`, `afterIter`. In `afterTrainIter`
 * `runner.iter` still counts the iterations before this one; in `afterTrainEpoch` `runner.epoch` is still the
 * 0-based current epoch.
 */
export abstract class Hook {
  beforeRun(_runner: RunState): Done {}
  afterRun(_runner: RunState): Done {}
  beforeEpoch(_runner: RunState): Done {}
  afterEpoch(_runner: RunState): Done {}
  beforeIter(_runner: RunState): Done {}
  afterIter(_runner: RunState): Done {}

  beforeTrainEpoch(runner: RunState): Done {
    return this.beforeEpoch(runner);
  }
  beforeValEpoch(runner: RunState): Done {
    return this.beforeEpoch(runner);
  }
  afterTrainEpoch(runner: RunState): Done {
    return this.afterEpoch(runner);
  }
  afterValEpoch(runner: RunState): Done {
    return this.afterEpoch(runner);
  }
  beforeTrainIter(runner: RunState): Done {
    return this.beforeIter(runner);
  }
  beforeValIter(runner: RunState): Done {
    return this.beforeIter(runner);
  }
  afterTrainIter(runner: RunState): Done {
    return this.afterIter(runner);
  }
  afterValIter(runner: RunState): Done {
    return this.afterIter(runner);
  }

  /** Called once when the run failed, instead of `afterRun`: let go of what lives outside of it. */
  afterFailure(_runner: RunState): Done {}

  /** Bytes of the GPU that the hook keeps, besides buffers of the model: for the budget that a run begins with. */
  gpuBytes(_runner: Pick<RunState, 'optimizer'>): number {
    return 0;
  }

  /** What the hook table and checkpoints call it: MMCV's class. */
  get hookName(): string {
    return this.constructor.name;
  }

  /** What a stop waits for while this hook works. */
  describeWait(stage: Stage | GenericStage): string {
    return `waiting for ${this.hookName}.${stage}`;
  }

  /** Called before a checkpoint is loaded to go on from it: the model must have what the file shall fill. */
  beforeResume(_runner: RunState): void {}

  /** Called once in a resumed run, behind `beforeRun`: `runner.dataLoader` is the training loader. */
  afterResume(_runner: RunState): Done {}

  /** What this hook must remember in a checkpoint: plain values, and TorchTensors. */
  stateDict(_runner: RunState): HookState | undefined | Promise<HookState | undefined> {
    return undefined;
  }
  /** Called when a run is resumed, behind {@link beforeResume} and before `beforeRun`. */
  loadStateDict(_state: HookState, _runner: RunState): void {}

  /** True in every n-th epoch, counted from 1; never for n <= 0. */
  everyNEpochs(runner: RunState, n: number): boolean {
    return n > 0 && (runner.epoch + 1) % n === 0;
  }
  /** True in every n-th iteration of the epoch. */
  everyNInnerIters(runner: RunState, n: number): boolean {
    return n > 0 && (runner.innerIter + 1) % n === 0;
  }
  /** True in every n-th iteration of the run. */
  everyNIters(runner: RunState, n: number): boolean {
    return n > 0 && (runner.iter + 1) % n === 0;
  }
  endOfEpoch(runner: RunState): boolean {
    return runner.innerIter + 1 === runner.dataLoader?.length;
  }
  isLastEpoch(runner: RunState): boolean {
    return runner.epoch + 1 === runner.maxEpochs;
  }
  isLastIter(runner: RunState): boolean {
    return runner.iter + 1 === runner.maxIters;
  }

  /** The stages in which this hook does something, in their order in a run. */
  getTriggeredStages(): Stage[] {
    const base = Hook.prototype;
    const triggered = new Set<Stage>(STAGES.filter((stage) => this[stage] !== base[stage]));
    for (const generic of Object.keys(GENERIC) as GenericStage[]) {
      if (this[generic] === base[generic]) continue;
      for (const stage of GENERIC[generic]) triggered.add(stage);
    }
    return STAGES.filter((stage) => triggered.has(stage));
  }
}
