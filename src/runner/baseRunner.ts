import { ConfigError, RunError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import type { DatasetChange } from '../datasets/datasetChange.ts';
import type { Parameter } from '../nn/parameter.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import { onIdle, type Tensor } from '../gpu/index.ts';
import { hookKeys } from './hookKeys.ts';
import { type GenericStage, Hook, STAGES, type Stage } from './hooks/hook.ts';
import { LogBuffer, type LogBufferState, type LogVars } from './logBuffer.ts';
import type { Logger } from './logger.ts';
import { getPriority, priorityLabel } from './priority.ts';
import { QueuePace } from './queuePace.ts';
import { RunControl } from './runControl.ts';
import { checkOptions } from './runnerOptions.ts';

/** What one iteration of a model gives. */
export interface StepOutputs {
  readonly logVars: LogVars;
  readonly numSamples: number;
  /**
   * Gradients of the total loss (training only); the receiver owns the tensors. They hold until the next step, which may
   * write its own into the same memory: copy what is to be kept longer, or leave it in `parameter.grad`.
   */
  readonly grads?: ReadonlyMap<Parameter, Tensor>;
}

/** The model as the runner sees it. */
export interface RunnableModel {
  readonly CLASSES?: readonly string[] | null;
  train(mode?: boolean): unknown;
  eval(): unknown;
  /** Get ready for a step of the current mode. */
  prepareStep?(batch: never): Promise<unknown>;
  /** Called where an epoch begins: hooks may have changed the model since the last one. */
  recheckSteps?(): void;
  trainStep(batch: never): StepOutputs;
  valStep(batch: never): StepOutputs;
}

/** Batches of one epoch, in order; `startBatch` skips without decoding. */
export interface BatchLoader {
  /** Batches per epoch. */
  readonly length: number;
  /** What the batches are of. */
  readonly dataset?: { readonly CLASSES?: readonly string[] | null };
  epoch(epoch: number, startBatch?: number): AsyncGenerator<unknown>;
  /** Change the dataset for the epochs that begin from now on. @throws ConfigError when it can't be */
  changeDataset?(change: DatasetChange): void;
}

export type Mode = 'train' | 'val';
/** `[('train', 2), ('val', 1)]` */
export type Workflow = readonly (readonly [string, number])[];

/** Finished epochs and iterations; `innerIter` of them in the epoch that follows. */
export interface RunPosition {
  readonly epoch: number;
  readonly iter: number;
  readonly innerIter: number;
}

/**
 * A stage that was not over when the checkpoint was written: the hooks behind the one that wrote it are still to be
 * called for the iteration (or epoch) that the position counts as done.
 */
export interface OpenStage {
  readonly stage: 'afterTrainIter' | 'afterTrainEpoch';
  /** Key of the hook that wrote the checkpoint; see `hookKeys`. */
  readonly behind: string;
}

/** Where a resumed run takes up, beyond {@link RunPosition}; only our own checkpoints know. */
export interface ResumePlace {
  readonly openStage: OpenStage | null;
  readonly log: LogBufferState | null;
}

/** Why {@link BaseRunner.run} came back. */
export type RunEnd = 'finished' | 'stopped';

/** Steps whose losses may wait on the GPU for a logger. */
const MAX_PENDING_STEPS = 500;

/** What the runner writes into every checkpoint besides epoch and iteration. */
export interface RunnerMeta {
  [key: string]: unknown;
  hook_msgs?: Record<string, unknown>;
}

export interface RunnerOptions {
  model: RunnableModel;
  optimizer: Optimizer | null;
  fs: FileSystem;
  workDir: string;
  logger: Logger;
  /** `%Y%m%d_%H%M%S`; names the log files. */
  timestamp: string;
  meta?: RunnerMeta;
  /** Who runs it and where, as the log says: `user@machine`. */
  host?: string;
  maxEpochs?: number;
  maxIters?: number;
  control?: RunControl;
  onEvent?: RunListener;
}

interface RegisteredHook {
  readonly hook: Hook;
  readonly priority: number;
}

/**
 * Everything the two runners share: state, hooks, and their order.
 * Source: mmcv 1.7.2 `runner/base_runner.py`.
 */
export abstract class BaseRunner {
  readonly model: RunnableModel;
  readonly optimizer: Optimizer | null;
  readonly fs: FileSystem;
  readonly workDir: string;
  readonly logger: Logger;
  readonly timestamp: string;
  readonly control: RunControl;
  readonly onEvent: RunListener;
  readonly host: string;
  readonly logBuffer = new LogBuffer();
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
  readonly #pace = new QueuePace();
  #hooks: RegisteredHook[] = [];

  /** @throws ConfigError `bad-type`, `no-train-step`, `batch-processor` or `bad-runner` */
  constructor(options: RunnerOptions) {
    checkOptions(options);
    this.model = options.model;
    this.optimizer = options.optimizer;
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
  }

  /**
   * @param loaders one per workflow entry, in order
   * @param workflow `[['train', 1]]`
   */
  abstract run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void>;

  /** The file that a checkpoint made now gets, such as `epoch_3.pth`. @param template as Python's `str.format` takes it */
  abstract checkpointName(template?: string): string;

  /** Where a run goes on that is stopped now, between two iterations. */
  abstract position(): RunPosition;

  /** The same inside `afterTrainIter`, before the counters move. */
  abstract positionAfterIter(): RunPosition;

  /**
   * Take over what a checkpoint's meta tells, behind {@link restorePosition}.
   * @param meta plain; its `tabtrain` is not for the runner
   */
  abstract restoreMeta(meta: RunnerMeta): void;

  /** Say where a resumed run goes on. */
  abstract logResumed(): void;

  get hooks(): readonly Hook[] {
    return this.#hooks.map((h) => h.hook);
  }

  /** The priority a registered hook runs with. */
  priorityOf(hook: Hook): number | undefined {
    return this.#hooks.find((h) => h.hook === hook)?.priority;
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
   * Add a hook behind those of the same or a higher priority.
   * @throws ConfigError `duplicate-hook` when this very object is registered already
   */
  registerHook(hook: Hook, priority: unknown = 'NORMAL'): void {
    if (!(hook instanceof Hook)) {
      throw new ConfigError(`a hook must extend Hook, but got ${typeof hook}`, {
        code: 'not-a-hook',
        hint: "import { Hook } from 'tabtrain' and write class MyHook extends Hook",
      });
    }
    if (this.#hooks.some((h) => h.hook === hook)) {
      throw new ConfigError(`a hook can be registered once, but this ${hook.hookName} already is`, {
        code: 'duplicate-hook',
      });
    }
    const value = getPriority(priority);
    let at = this.#hooks.length;
    while (at > 0 && value < this.#hooks[at - 1].priority) at -= 1;
    this.#hooks.splice(at, 0, { hook, priority: value });
  }

  /** Call one stage of every hook, in order of priority. */
  async callHook(stage: Stage | GenericStage): Promise<void> {
    for (const { hook } of this.#hooks) await hook[stage](this);
  }

  /** Call a stage of the hooks behind the one that wrote the checkpoint: what the killed run had still to do. */
  protected async finishStage({ stage, behind }: OpenStage): Promise<void> {
    const { hooks } = this;
    const writer = hookKeys(hooks).get(behind);
    // A config without that hook: nobody knows which ones have been called.
    if (!writer) return;
    for (const hook of hooks.slice(hooks.indexOf(writer) + 1)) await hook[stage](this);
  }

  /** The table of hooks that the log starts with, in MMCV's format. */
  getHookInfo(): string {
    const sections: string[] = [];
    for (const stage of STAGES) {
      const lines = this.#hooks
        .filter(({ hook }) => hook.getTriggeredStages().includes(stage))
        .map(({ hook, priority }) => `(${priorityLabel(priority).padEnd(12)}) ${hook.hookName.padEnd(35)}`);
      if (lines.length === 0) continue;
      sections.push(`${toSnake(stage)}:\n${lines.join('\n')}\n -------------------- `);
    }
    return sections.join('\n');
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

  /** Note a checkpoint that was written. @param isWhole false when it lacks the optimizer's state */
  noteSaved(path: string, position: RunPosition, isWhole: boolean): void {
    if (isWhole) this.#saved.set(path, position);
    else this.#saved.delete(path);
  }

  /** Whether this run has written a checkpoint of a position to a path, whole, and nothing over it. */
  hasSaved(path: string, { epoch, iter, innerIter }: RunPosition): boolean {
    const saved = this.#saved.get(path);
    return saved?.epoch === epoch && saved.iter === iter && saved.innerIter === innerIter;
  }

  /** Let the hooks of a resumed run see its training loader before anything goes on. */
  protected async tellResumed(loader: BatchLoader): Promise<void> {
    if (!this.resumePlace) return;
    this.dataLoader = loader;
    for (const { hook } of this.#hooks) await hook.afterResume(this);
  }

  /** True when the run ends now: a person or a hook asked for it. */
  protected get isEnding(): boolean {
    return this.stopped || this.stopTraining !== null;
  }

  /** Log what MMCV's runners say before they start. */
  protected logStart(workflow: Workflow, max: string): void {
    const text = workflow.map(([mode, times]) => `('${mode}', ${times})`).join(', ');
    this.logger.info(`Start running, host: ${this.host}, work_dir: ${this.workDir}`);
    this.logger.info(`Hooks will be executed in the following order:\n${this.getHookInfo()}`);
    this.logger.info(`workflow: [${text}], max: ${max}`);
  }

  /** One step of the model in the current mode; its losses go to the log buffer. */
  protected async step(batch: unknown): Promise<void> {
    await this.model.prepareStep?.(batch as never);
    this.outputs =
      this.mode === 'train' ? this.model.trainStep(batch as never) : this.model.valStep(batch as never);
    this.logBuffer.updateLogVars(this.outputs.logVars, this.outputs.numSamples);
    // A run without a logger, or with a huge interval, must not keep a tensor for every step.
    if (this.logBuffer.pendingSteps >= MAX_PENDING_STEPS) await this.logBuffer.resolve();
    await this.#pace.add(onIdle());
  }

  /** Let the step's batch and outputs go, with the gradients that no hook took (a run without OptimizerHook). */
  releaseStep(): void {
    for (const [parameter, grad] of this.outputs?.grads ?? []) {
      if (!grad.isDisposed && parameter.grad !== grad) grad.dispose();
    }
    this.outputs = null;
    this.dataBatch = null;
  }

  /** Hear "pause" and "stop". @returns true when the run must end */
  protected async heardStop(): Promise<boolean> {
    this.stopped ||= await this.control.checkpoint();
    return this.stopped;
  }
}

/**
 * Check a workflow against its loaders.
 * @throws ConfigError `bad-workflow`; RunError when it would never end
 */
export function checkWorkflow(workflow: Workflow, loaders: readonly BatchLoader[]): [Mode, number][] {
  if (workflow.length !== loaders.length) {
    throw new ConfigError(
      `workflow must have one entry per data loader, but has ${workflow.length} for ${loaders.length}`,
      {
        code: 'bad-workflow',
        path: 'workflow',
        hint: "workflow = [('train', 1), ('val', 1)] needs data.train and data.val",
      },
    );
  }
  const flow = workflow.map(([mode, times]): [Mode, number] => {
    if (mode === 'train' || mode === 'val') return [mode, times];
    throw new ConfigError(`workflow modes must be 'train' or 'val', but got ${plainRepr(mode)}`, {
      code: 'bad-workflow',
      path: 'workflow',
    });
  });
  if (!flow.some(([mode, times]) => mode === 'train' && times > 0)) {
    throw new RunError('workflow must contain a train step, or the run would never end', {
      code: 'bad-workflow',
      path: 'workflow',
    });
  }
  return flow;
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
