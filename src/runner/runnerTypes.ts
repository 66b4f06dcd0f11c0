// What runners, hooks and checkpoints say to each other.

import type { DatasetChange } from '../datasets/datasetChange.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import type { Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/parameter.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { LogBufferState, LogVars } from './logBuffer.ts';
import type { Logger } from './logger.ts';
import type { RunControl } from './runControl.ts';

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

/** Why `BaseRunner.run` came back. */
export type RunEnd = 'finished' | 'stopped';

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
  /**
   * Makes the work dir this run's own, from the first iteration or checkpoint on; called before each checkpoint.
   * @throws StorageError when it is gone. Default: nothing to do
   */
  claimWorkDir?: () => Promise<void>;
}
