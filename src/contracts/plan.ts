// What a run of a config would train, and how: told before anything is trained. Plain data, for the page.

import type { Problem } from './problem.ts';

/** Iterations an epoch to plan with while the data set is not known. */
export const ASSUMED_ITERS_PER_EPOCH = 100;

/** A parameter group of the optimizer, as it would start. */
export interface PlannedGroup {
  readonly lr: number;
  readonly weightDecay: number | null;
  /** Null for optimizers without one. */
  readonly momentum: number | null;
  /** Null for optimizers without them. */
  readonly betas: readonly number[] | null;
  /** What put its trained parameters here, each once; empty when all are frozen. */
  readonly rules: readonly string[];
  /** Trained parameters in it. */
  readonly tensorCount: number;
  /** Values in them. */
  readonly valueCount: number;
}

export interface PlannedParameter {
  /** As in the state dict: `backbone.layer1.0.conv1.weight`. */
  readonly name: string;
  /** PyTorch's. */
  readonly shape: readonly number[];
  readonly count: number;
  /** Why it is not trained, such as `frozen_stages=1`; null when it is. */
  readonly frozenBy: string | null;
  /** Index into the groups; null when the optimizer doesn't have it. */
  readonly group: number | null;
  /** `custom_keys['backbone']: lr_mult=0.1`, `norm_decay_mult=0`, `default`, or the constructor's name. */
  readonly rule: string;
}

/** What a policy of the person's own makes of learning rate or momentum. */
export interface PlannedSchedule {
  /** Such as `MineLrUpdaterHook`. */
  readonly className: string;
  readonly itersPerEpoch: number;
  /** Where it was asked, counted from 0. */
  readonly iters: readonly number[];
  /** One list per group, beside `iters`. */
  readonly values: readonly (readonly number[])[];
  /** Why it can't be told before a run; null when it can. */
  readonly problem: string | null;
}

/** A data set of the config, read. */
export interface PlannedDataset {
  readonly split: 'train' | 'val';
  /** Its class. */
  readonly type: string;
  /** Pictures that are used, after filtering. */
  readonly pictures: number;
  readonly boxes: number;
  readonly classes: readonly string[];
}

export interface PlannedHook {
  readonly name: string;
  /** 0 to 100; smaller runs first. */
  readonly priority: number;
  /** The stages in which it does something: `afterTrainIter`. */
  readonly stages: readonly string[];
}

/** What happens every so often. */
export interface PlannedTimes {
  readonly unit: 'epoch' | 'iter';
  /** Behind which epochs or iterations, counted from 1 (0: before the first); at most {@link MAX_PLANNED_TIMES} of them. */
  readonly at: readonly number[];
  /** In all; where two hooks act at one place, both count. */
  readonly count: number;
}

export const MAX_PLANNED_TIMES = 1000;

/** Bytes on the GPU that are known before the first step is recorded; activations and pictures are not among them. */
export interface PlannedMemory {
  readonly parameters: number;
  readonly gradients: number;
  /** Null where an optimizer of the person's own doesn't say before its first step. */
  readonly optimizerState: number | null;
  /** Running statistics of norm layers, averages of the weights, what hooks keep. */
  readonly buffers: number;
}

export interface PlannedLength {
  readonly maxEpochs: number;
  readonly maxIters: number;
  readonly itersPerEpoch: number;
}

/** What a run of a config will be. */
export interface Plan {
  readonly configPath: string;
  /** `retinanet_tiny_shapes` for `configs/shapes/retinanet_tiny_shapes.py`. */
  readonly name: string;
  /** The resolved config as Python; null where it can't be read. */
  readonly config: string | null;
  /** Everything that can be known to be wrong, or not to act, errors first. */
  readonly problems: readonly Problem[];
  readonly seed: number;
  readonly datasets: readonly PlannedDataset[];
  /** Pictures in a training step. */
  readonly batchSize: number;
  /** The detector's class; null where it can't be built. */
  readonly model: string | null;
  /** In the model's order. */
  readonly parameters: readonly PlannedParameter[];
  /** The optimizer's class; null where it can't be built. */
  readonly optimizer: string | null;
  readonly groups: readonly PlannedGroup[];
  readonly workflow: readonly (readonly [string, number])[];
  /** Batches of the training data set in an epoch; null when they can't be known. */
  readonly itersPerEpoch: number | null;
  /** What kept the training data set from being built. */
  readonly itersProblem: string | null;
  readonly length: PlannedLength | null;
  /** In the order in which they run. */
  readonly hooks: readonly PlannedHook[];
  readonly checkpoints: PlannedTimes | null;
  readonly evaluations: PlannedTimes | null;
  readonly memory: PlannedMemory | null;
  /** Of an earlier run of the same model, batch size and data here; null before there was one. */
  readonly secondsPerIter: number | null;
  /** The work dir of that run. */
  readonly timedBy: string | null;
  /** Null for policies of MMCV's, which are curves. */
  readonly ownLr: PlannedSchedule | null;
  readonly ownMomentum: PlannedSchedule | null;
}
