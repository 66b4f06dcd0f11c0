import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { LogBuffer } from './logBuffer.ts';
import type { Logger } from './logger.ts';
import { optionsOf, type GroupOptions } from './resumedOptions.ts';
import { RunControl } from './runControl.ts';
import { checkOptions } from './runnerOptions.ts';
import type {
  BatchLoader,
  Mode,
  ResumePlace,
  RunEnd,
  RunnableModel,
  RunnerMeta,
  RunnerOptions,
  RunPosition,
  StepOutputs,
} from './runnerTypes.ts';

/**
 * What a run consists of and where it stands: everything of a runner but its hooks, and how it trains.
 * Source: mmcv 1.7.2 `runner/base_runner.py`.
 */
export abstract class RunState {
  readonly model: RunnableModel;
  readonly optimizer: Optimizer | null;
  readonly fs: FileSystem;
  readonly workDir: string;
  readonly logger: Logger;
  readonly timestamp: string;
  readonly control: RunControl;
  readonly onEvent: RunListener;
  readonly host: string;
  readonly claimWorkDir: () => Promise<void>;
  readonly logBuffer = new LogBuffer();
  /** Options of the optimizer's groups as the run was set up with; null without an optimizer. */
  optionsAtStart: GroupOptions | null;
  meta: RunnerMeta;
  mode: Mode = 'train';
  /** Finished epochs; in a training epoch this is its 0-based number. */
  epoch = 0;
  /** Finished training iterations of the run. */
  iter = 0;
  /** 0-based iteration inside the epoch; between two epochs it still is the last one's, as in MMCV. */
  innerIter = 0;
  /** Finished training iterations of the current epoch; 0 between epochs. Where a stopped run goes on. */
  doneInEpoch = 0;
  maxEpochs: number | undefined;
  maxIters: number | undefined;
  dataLoader: BatchLoader | null = null;
  /** Batches of the training loader; 0 before the run starts. */
  itersPerEpoch = 0;
  /** Set by {@link run}: 'stopped' when a person asked for it. */
  end: RunEnd = 'finished';
  outputs: StepOutputs | null = null;
  dataBatch: unknown = null;
  /** Set by a hook: why the run ends with this epoch (iteration), although it could go on. */
  stopTraining: string | null = null;
  /** Where a resumed run goes on inside its first epoch. */
  protected resumeInnerIter = 0;
  /** What a resumed run has to make up for before it goes on; null in a new run. */
  protected resumePlace: ResumePlace | null = null;
  protected stopped = false;
  /** Checkpoints of this run that it can be resumed from, by path, and what each holds. */
  readonly #saved = new Map<string, RunPosition>();
  /** All checkpoints of this run, by path. */
  readonly #written = new Set<string>();

  /** @throws ConfigError `bad-type`, `no-train-step`, `batch-processor` or `bad-runner` */
  constructor(options: RunnerOptions) {
    checkOptions(options);
    this.model = options.model;
    this.optimizer = options.optimizer;
    this.optionsAtStart = options.optimizer && optionsOf(options.optimizer);
    this.fs = options.fs;
    this.workDir = options.workDir;
    this.logger = options.logger;
    this.timestamp = options.timestamp;
    this.meta = options.meta ?? {};
    this.maxEpochs = options.maxEpochs;
    this.maxIters = options.maxIters;
    this.control = options.control ?? new RunControl();
    this.onEvent = options.onEvent ?? (() => undefined);
    this.host = options.host ?? 'tabtrain';
    this.claimWorkDir = options.claimWorkDir ?? (async () => undefined);
  }

  /** Learning rate of each parameter group; empty without an optimizer. */
  currentLr(): number[] {
    return (this.optimizer?.paramGroups ?? []).map((group) => Number(group.lr));
  }

  /** Momentum of each group: `momentum`, else the first of `betas`, else 0. */
  currentMomentum(): number[] {
    return (this.optimizer?.paramGroups ?? []).map((group) => {
      if (typeof group.momentum === 'number') return group.momentum;
      const betas = group.betas;
      return Array.isArray(betas) ? Number(betas[0]) : 0;
    });
  }

  /**
   * Go on where a checkpoint stopped. `innerIter` > 0 when it was written inside an epoch.
   * @param place null for a checkpoint of another program: the workflow begins anew, as in MMCV
   */
  restorePosition(position: RunPosition, place: ResumePlace | null = null): void {
    this.epoch = position.epoch;
    this.iter = position.iter;
    this.resumeInnerIter = position.innerIter;
    this.resumePlace = place;
  }

  /** Where a resumed run goes on. */
  get resumedPosition(): RunPosition {
    return { epoch: this.epoch, iter: this.iter, innerIter: this.resumeInnerIter };
  }

  /** Go on elsewhere than the checkpoint said: what its last iteration owed belongs to no iteration of this run. */
  rescaleResumed({ epoch, iter, innerIter }: RunPosition): void {
    this.epoch = epoch;
    this.iter = iter;
    this.resumeInnerIter = innerIter;
    const place = this.resumePlace;
    if (place?.openStage?.stage === 'afterTrainIter') this.resumePlace = { ...place, openStage: null };
  }

  /** True when a resumed run has done all its iterations. @param itersPerEpoch of this run */
  hasNothingLeft(itersPerEpoch: number): boolean {
    if (this.maxEpochs !== undefined)
      return this.epoch + (this.resumeInnerIter >= itersPerEpoch ? 1 : 0) >= this.maxEpochs;
    return this.maxIters !== undefined && this.iter >= this.maxIters;
  }

  /** True when hooks of its last iteration or epoch are still to be called. */
  get owesHooks(): boolean {
    return this.resumePlace?.openStage != null || this.resumeInnerIter > 0;
  }

  /** Note a checkpoint that was written. @param isWhole false when it lacks the optimizer's state */
  noteSaved(path: string, position: RunPosition, isWhole: boolean): void {
    this.#written.add(path);
    if (isWhole) this.#saved.set(path, position);
    else this.#saved.delete(path);
  }

  /** Whether this run has written a checkpoint of a position to a path, whole, and nothing over it. */
  hasSaved(path: string, { epoch, iter, innerIter }: RunPosition): boolean {
    const saved = this.#saved.get(path);
    return saved?.epoch === epoch && saved.iter === iter && saved.innerIter === innerIter;
  }

  /** Whether this run has written a checkpoint to a path. */
  hasWritten(path: string): boolean {
    return this.#written.has(path);
  }

  /** True when the run ends now: a person or a hook asked for it. */
  protected get isEnding(): boolean {
    return this.stopped || this.stopTraining !== null;
  }

  /** Let the step's batch and outputs go, with the gradients that no hook took (a run without OptimizerHook). */
  releaseStep(): void {
    for (const [parameter, grad] of this.outputs?.grads ?? []) {
      if (!grad.isDisposed && parameter.grad !== grad) grad.dispose();
    }
    this.outputs = null;
    this.dataBatch = null;
  }
}
