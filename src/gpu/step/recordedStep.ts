// A recorded step as data.
import type { DataId } from '../device/backend.ts';
import type { Tensor } from '../device/tfjs.ts';
import type { ChosenDispatch } from '../dispatch/recorder.ts';

/** Host values of a step; the bytes are what the GPU gets. */
export type HostValues = Float32Array | Int32Array | Uint32Array;

/** Where a tensor of the step comes from. */
export type Origin<A> =
  /** It was there before the step: a parameter, its state, a running statistic. */
  | { readonly kind: 'outside' }
  /** Made and dropped inside the step. */
  | { readonly kind: 'inside' }
  /** Values that are the same in every step. */
  | { readonly kind: 'constant'; readonly values: HostValues }
  /** Values that the host gives anew each time. */
  | { readonly kind: 'input'; readonly pick: (args: A) => HostValues };

export interface StepTensor<A> {
  readonly data: DataId;
  readonly bytes: number;
  readonly origin: Origin<A>;
}

/** What a body hands out: tensors, and for some of them the place where they are wanted. */
export interface StepOutputs {
  readonly outputs: readonly Tensor[];
  /** Storage that an output is to be written to (same size), such as a gradient's slot; none: a tensor of its own. */
  readonly places?: readonly (Tensor | null)[];
}

export interface RecordedOutput {
  readonly data: DataId;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly place: Tensor | null;
}

export interface Recording<A> {
  readonly dispatches: readonly ChosenDispatch[];
  /** Every tensor that a dispatch or an output names, in order of appearance. */
  readonly tensors: ReadonlyMap<DataId, StepTensor<A>>;
  readonly outputs: readonly RecordedOutput[];
  /** What the host does besides at each step, such as counting batches. */
  readonly effects: readonly (() => void)[];
}
