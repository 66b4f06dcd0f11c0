// Joins our own kernels to tfjs's tape: one call records the op, its saved tensors and its gradient.
import { tf, type Tensor } from '../device/tfjs.ts';

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
  backward(dys: readonly Tensor[], saved: readonly Tensor[]): Record<string, () => Tensor>;
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
export function runOp(op: Op): Tensor[] {
  const engine = tf.engine() as unknown as EngineInternals;
  return engine.runKernelFunc({
    forwardFunc: (_, save) => op.forward(save),
    backwardsFunc: (dys, saved) => op.backward(Array.isArray(dys) ? dys : [dys], saved),
    inputs: op.inputs,
  });
}
