// Joins our own kernels to tfjs's tape: one call records the op, its saved tensors and its gradient.
import { tf, type Tensor } from '../device/tfjs.ts';

/**
 * Tensors to be taken apart: the tape hands over exactly those that an op gives or saves, and each op knows how many
 * these are.
 */
export type OpTensors = readonly Tensor[] & {
  readonly 0: Tensor;
  readonly 1: Tensor;
  readonly 2: Tensor;
  readonly 3: Tensor;
  readonly 4: Tensor;
};

export interface Op {
  /** Tensors a gradient may be asked for. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Compute the outputs. `save` hands tensors to {@link backward}; nothing else survives until then. */
  forward(save: (tensors: Tensor[]) => void): Tensor[];
  /**
   * The gradient of each input, computed only where asked for. Runs inside a tidy.
   *
   * @param dys one per output; zeros for an output that the loss doesn't use.
   */
  backward(dys: OpTensors, saved: OpTensors): Record<string, () => Tensor>;
}

// Engine.runKernelFunc is private, but the only way to an op with several outputs and a gradient (tfjs 4.22).
interface EngineInternals {
  runKernelFunc(params: {
    forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => Tensor[];
    backwardsFunc: (dys: Tensor | Tensor[], saved: Tensor[]) => Record<string, () => Tensor>;
    inputs: Record<string, Tensor>;
  }): Tensor[];
}

/** Run an op and record it for the enclosing `valueAndGrads`. */
export function runOp(op: Op): OpTensors {
  const engine = tf.engine() as unknown as EngineInternals;
  const known = (tensors: readonly Tensor[]): OpTensors => tensors as OpTensors;
  return known(
    engine.runKernelFunc({
      forwardFunc: (_, save) => op.forward(save),
      backwardsFunc: (dys, saved) => op.backward(known(Array.isArray(dys) ? dys : [dys]), known(saved)),
      inputs: op.inputs,
    }),
  );
}
