import { ConfigError } from '../errors/trainerError.ts';
import type { Parameter } from '../nn/parameter.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { FileSystem } from '../util/fileSystem.ts';
import type { RunListener } from '../util/runEvents.ts';
import type { Tensor } from '../gpu/index.ts';
import { type Hook, STAGES, type Stage } from './hooks/hook.ts';
import { LogBuffer, type LogVars } from './logBuffer.ts';
import type { Logger } from './logger.ts';
import { getPriority, priorityLabel } from './priority.ts';
import { RunControl } from './runControl.ts';

/** What one iteration of a model gives. */
export interface StepOutputs {
  readonly logVars: LogVars;
  readonly numSamples: number;
  /** Gradients of the total loss (training only); the receiver owns the tensors. */
  readonly grads?: ReadonlyMap<Parameter, Tensor>;
}

/** The model as the runner sees it. */
export interface RunnableModel {
  readonly CLASSES?: readonly string[] | null;
  train(mode?: boolean): unknown;
  eval(): unknown;
  trainStep(batch: never): StepOutputs;
  valStep(batch: never): StepOutputs;
}

/** Batches of one epoch, in order; `startBatch` skips without decoding. */
export interface BatchLoader {
  /** Batches per epoch. */
  readonly length: number;
  epoch(epoch: number, startBatch?: number): AsyncGenerator<unknown>;
}

export type Mode = 'train' | 'val';
/** `[('train', 2), ('val', 1)]` */
export type Workflow = readonly (readonly [string, number])[];

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
  outputs: StepOutputs | null = null;
  dataBatch: unknown = null;
  /** Where a resumed run goes on inside its first epoch. */
  protected resumeInnerIter = 0;
  #hooks: RegisteredHook[] = [];

  constructor(options: RunnerOptions) {
    if (options.maxEpochs !== undefined && options.maxIters !== undefined) {
      throw new ConfigError('only one of max_epochs and max_iters can be set, but both are', {
        code: 'bad-runner',
        path: 'runner',
      });
    }
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
  }

  abstract run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void>;

  get hooks(): readonly Hook[] {
    return this.#hooks.map((h) => h.hook);
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
    if (this.#hooks.some((h) => h.hook === hook)) {
      throw new ConfigError(`a hook can be registered once, but this ${hook.constructor.name} already is`, {
        code: 'duplicate-hook',
      });
    }
    const value = getPriority(priority);
    let at = this.#hooks.length;
    while (at > 0 && value < this.#hooks[at - 1].priority) at -= 1;
    this.#hooks.splice(at, 0, { hook, priority: value });
  }

  /** Call one stage of every hook, in order of priority. */
  async callHook(stage: Stage): Promise<void> {
    for (const { hook } of this.#hooks) await hook[stage](this);
  }

  /** The table of hooks that the log starts with, in MMCV's format. */
  getHookInfo(): string {
    const sections: string[] = [];
    for (const stage of STAGES) {
      const lines = this.#hooks
        .filter(({ hook }) => hook.getTriggeredStages().includes(stage))
        .map(
          ({ hook, priority }) =>
            `(${priorityLabel(priority).padEnd(12)}) ${hook.constructor.name.padEnd(35)}`,
        );
      if (lines.length === 0) continue;
      sections.push(`${toSnake(stage)}:\n${lines.join('\n')}\n -------------------- `);
    }
    return sections.join('\n');
  }

  /** Go on where a checkpoint stopped. `innerIter` > 0 when it was written inside an epoch. */
  restorePosition(position: { epoch: number; iter: number; innerIter: number }): void {
    this.epoch = position.epoch;
    this.iter = position.iter;
    this.resumeInnerIter = position.innerIter;
  }
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
