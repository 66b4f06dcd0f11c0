// Reverse-mode gradients over tfjs's tape.
import { tf, type Tensor, type Variable } from '../device/tfjs.ts';

export interface LossAndAux {
  /** float32 scalar. */
  readonly loss: Tensor;
  /** Tensors to hand out besides (log values, predictions). No gradient flows through them unless `loss` uses them. */
  readonly aux?: readonly Tensor[];
}

export interface ValueAndGrads {
  readonly loss: Tensor;
  readonly aux: Tensor[];
  /** One per variable, in order; null where `loss` doesn't depend on it. */
  readonly grads: (Tensor | null)[];
}

/**
 * Run `f` and differentiate its loss by the given variables. Everything made inside is freed but `loss`, `aux` and the
 * gradients, which the caller disposes.
 *
 * @param variables those to differentiate by; other variables cost nothing in the backward pass.
 */
export function valueAndGrads(f: () => LossAndAux, variables: readonly Variable[]): ValueAndGrads {
  let aux: Tensor[] = [];
  const forward = (): Tensor => {
    const out = f();
    aux = (out.aux ?? []).map((t) => tf.keep(noGrad(() => tf.clone(t))));
    return out.loss;
  };
  if (variables.length === 0) return { loss: tf.tidy(forward), aux, grads: [] };
  try {
    const { value, grads } = tf.engine().gradients(forward, [...variables], undefined, true);
    return { loss: value, aux, grads: grads.map((grad: Tensor | undefined) => grad ?? null) };
  } catch (error) {
    tf.dispose(aux);
    dropTape();
    throw error;
  }
}

// tfjs frees saved tensors only after a backward pass that succeeds.
function dropTape(): void {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) return;
  const tape = state.activeTape as unknown as readonly { saved: Tensor[] }[] | null;
  for (const node of tape ?? []) tf.dispose(node.saved);
  state.activeTape = null as never;
}

/** Run `f` without recording: its results are constants to an enclosing {@link valueAndGrads}, and save no activations. */
export function noGrad<T>(f: () => T): T {
  const { state } = tf.engine();
  state.kernelDepth += 1;
  try {
    return f();
  } finally {
    state.kernelDepth -= 1;
  }
}
