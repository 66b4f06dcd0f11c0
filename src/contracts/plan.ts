// What a run of a config would train, and how: told before anything is trained. Plain data, for the page.

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

export interface ConfigPlan {
  readonly optimizer: string;
  readonly groups: readonly PlannedGroup[];
  /** In the model's order. */
  readonly parameters: readonly PlannedParameter[];
  /** What building them had to say. */
  readonly warnings: readonly string[];
  /** Batches of the training data set in an epoch; null when they can't be known. */
  readonly itersPerEpoch: number | null;
  /** Why not. */
  readonly itersProblem: string | null;
  /** Null for policies of MMCV's, which are curves. */
  readonly ownLr: PlannedSchedule | null;
  readonly ownMomentum: PlannedSchedule | null;
}
