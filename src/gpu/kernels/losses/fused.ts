// Runs a loss and its gradient: two dispatches forward (chunk sums, join) and one backward, in a fixed order.
import { runOp } from '../../tensor/tape.ts';
import { asFloat } from '../../ops/dtype.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { spread, type Program } from '../../dispatch/program.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import { fillTensor } from '../fill/op.ts';
import { chunkSumProgram, elementProgram, gradProgram, joinProgram, type LossSource } from './op.wgsl.ts';

/** What becomes of a loss's values. */
export interface LossReduction {
  /** One value per element (or row, or box) instead of their sum. */
  readonly isElementwise?: boolean;
  /** Multiplies the result. Default 1. */
  readonly factor?: number;
  /**
   * The sum is divided by this: factor * (sum / (divisor + epsilon)), in float32. A tensor (a scalar, a constant to
   * the tape) is read on the GPU. Default 1.
   */
  readonly divisor?: number | Tensor;
  /** Default 0. */
  readonly epsilon?: number;
}

export interface FusedLoss {
  readonly source: LossSource;
  readonly pred: Tensor;
  /** The other buffers of the source. */
  readonly constants: readonly Tensor[];
  /** Number of values, and their shape where they are not summed. */
  readonly shape: readonly number[];
  /** Integers of the source's uniforms, after `size`. */
  readonly integers: readonly number[];
  /** Floats of the source's uniforms, after the integers. */
  readonly floats: readonly number[];
}

// Threads that sum up; the one workgroup that joins them takes 64 each at most.
const MAX_SUMMERS = 4096;
const VALUES_PER_SUMMER = 16;

/** The loss as a float32 scalar, or its values. Differentiable by the prediction. */
export function fusedLoss(loss: FusedLoss, reduction: LossReduction = {}): Tensor {
  const { source, pred, constants, shape } = loss;
  const { isElementwise = false, factor = 1, divisor = 1, epsilon = 0 } = reduction;
  const count = shape.reduce((a, b) => a * b, 1);
  const divisors = typeof divisor === 'number' ? [] : [asFloat(divisor)];
  const scale = [factor, typeof divisor === 'number' ? Math.fround(divisor + epsilon) : 0, epsilon];
  const uniforms = words([count, ...loss.integers], [...loss.floats, ...scale]);
  const run = (program: Program, reads: readonly Tensor[], target: Tensor, threads: number): Tensor => {
    const grid = spread(threads / 64);
    runProgram(program, { reads, writes: [target], uniforms, areUniformsStatic: true, grid });
    return target;
  };
  const [result] = runOp({
    inputs: { pred },
    forward: (save) => {
      const reads = [pred, ...constants];
      save([...reads, ...divisors]);
      if (isElementwise)
        return [
          count === 0 ? emptyTensor(shape) : run(elementProgram(source), reads, emptyTensor(shape), count),
        ];
      if (count === 0) return [fillTensor([], 0)];
      const threads = Math.min(MAX_SUMMERS, Math.ceil(count / VALUES_PER_SUMMER));
      const sums = emptyTensor([threads]);
      runProgram(chunkSumProgram(source), {
        reads,
        writes: [sums],
        uniforms: words([count, ...loss.integers], [...loss.floats, ...scale], [threads]),
        areUniformsStatic: true,
        grid: spread(threads / 64),
      });
      const total = emptyTensor([]);
      runProgram(joinProgram(divisors.length > 0), {
        reads: [sums, ...divisors],
        writes: [total],
        uniforms: words([threads], scale),
        areUniformsStatic: true,
        grid: [1, 1, 1],
      });
      tf.dispose(sums);
      return [total];
    },
    backward: ([dy], saved) => ({
      pred: () => {
        const grad = emptyTensor(pred.shape);
        if (count === 0) return grad;
        const reads = saved.slice(0, 1 + constants.length);
        const divided = isElementwise ? [] : saved.slice(1 + constants.length);
        const program = gradProgram(source, !isElementwise, divided.length > 0);
        return run(program, [...reads, dy, ...divided], grad, count);
      },
    }),
  });
  return result;
}

function words(
  head: readonly number[],
  floats: readonly number[],
  tail: readonly number[] = [],
): Uint32Array {
  const result = new Uint32Array(head.length + floats.length + tail.length);
  result.set(head);
  new Float32Array(result.buffer).set(floats, head.length);
  result.set(tail, head.length + floats.length);
  return result;
}
