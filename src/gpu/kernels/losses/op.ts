// Losses fused with their gradients: one dispatch each way, summed in a fixed order.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../op.ts';
import { emptyTensor, runProgram, spread, type Program } from '../../program.ts';
import type { Tensor } from '../../tfjs.ts';
import { columnSum } from '../columnSum/op.ts';
import {
  CHUNK,
  chunkSumProgram,
  elementProgram,
  focalSource,
  gradProgram,
  l1Source,
  smoothL1Source,
  type LossSource,
  type WeightLayout,
} from './op.wgsl.ts';

export interface FocalLossOptions {
  /** Focusing power, >= 0. mmdet's default is 2. */
  readonly gamma: number;
  /** Weight of the positive class, 1 - alpha of the negatives. mmdet's default is 0.25. */
  readonly alpha: number;
}

/**
 * Sigmoid focal loss, per element.
 *
 * @param logits float32 [N, K].
 * @param labels int32 [N], 0 to K - 1, or K for background.
 * @param weights float32 [N] or [N, K], or null for 1. Not differentiable.
 * @returns float32 [N, K].
 * Source: mmdet 2.28.2 py_sigmoid_focal_loss.
 */
export function sigmoidFocalLossElementwise(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  options: FocalLossOptions,
): Tensor {
  return fusedLoss(focal(logits, labels, weights, options), false);
}

/** Sum of {@link sigmoidFocalLossElementwise}: float32 scalar. */
export function sigmoidFocalLoss(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  options: FocalLossOptions,
): Tensor {
  return fusedLoss(focal(logits, labels, weights, options), true);
}

/**
 * Sum of weight * (d < beta ? 0.5 d^2 / beta : d - 0.5 beta), d = |pred - target|: float32 scalar. `target` and
 * `weight` (or null) have pred's shape and are constants.
 */
export function smoothL1Loss(pred: Tensor, target: Tensor, weight: Tensor | null, beta: number): Tensor {
  return fusedLoss(
    { source: smoothL1Source(weight !== null), ...paired(pred, target, weight), params: [beta] },
    true,
  );
}

/** Sum of weight * |pred - target|: float32 scalar. `target` and `weight` (or null) have pred's shape and are constants. */
export function l1Loss(pred: Tensor, target: Tensor, weight: Tensor | null): Tensor {
  return fusedLoss({ source: l1Source(weight !== null), ...paired(pred, target, weight), params: [] }, true);
}

interface FusedLoss {
  readonly source: LossSource;
  readonly pred: Tensor;
  readonly constants: readonly Tensor[];
  /** Elements per row, where the uniforms want it. */
  readonly classes?: number;
  readonly params: readonly number[];
}

function focal(logits: Tensor, labels: Tensor, weights: Tensor | null, options: FocalLossOptions): FusedLoss {
  const [n, k] = [labels.size, logits.size / labels.size];
  invariant(labels.dtype === 'int32', `focal loss labels are ${labels.dtype}, not int32`);
  invariant(Number.isInteger(k), `focal loss of ${logits.size} logits and ${n} labels`);
  let layout: WeightLayout = 'none';
  if (weights) {
    layout = weights.size === logits.size ? 'element' : 'row';
    invariant(
      layout === 'element' || weights.size === n,
      `focal loss of ${n} labels and ${weights.size} weights`,
    );
  }
  const constants = weights ? [labels, weights] : [labels];
  return {
    source: focalSource(layout),
    pred: logits,
    constants,
    classes: k,
    params: [options.gamma, options.alpha],
  };
}

function paired(pred: Tensor, target: Tensor, weight: Tensor | null): Pick<FusedLoss, 'pred' | 'constants'> {
  invariant(pred.size === target.size, `loss of ${pred.size} predictions and ${target.size} targets`);
  invariant(
    !weight || weight.size === pred.size,
    `loss of ${pred.size} predictions and ${weight?.size} weights`,
  );
  return { pred, constants: weight ? [target, weight] : [target] };
}

function uniformsOf(loss: FusedLoss): Uint32Array {
  const whole = loss.classes === undefined ? [loss.pred.size] : [loss.pred.size, loss.classes];
  const words = new Uint32Array(whole.length + loss.params.length);
  words.set(whole);
  new Float32Array(words.buffer).set(loss.params, whole.length);
  return words;
}

function fusedLoss(loss: FusedLoss, isSummed: boolean): Tensor {
  const { source, pred, constants } = loss;
  invariant(pred.size > 0, `${source.name} of an empty tensor`);
  const uniforms = uniformsOf(loss);
  const run = (program: Program, reads: readonly Tensor[], target: Tensor, threads: number): Tensor => {
    const grid = spread(threads / 64);
    runProgram(program, { reads, writes: [target], uniforms, areUniformsStatic: true, grid });
    return target;
  };
  const [result] = runOp({
    inputs: { pred },
    forward: (save) => {
      const reads = [pred, ...constants];
      save(reads);
      if (!isSummed) return [run(elementProgram(source), reads, emptyTensor(pred.shape), pred.size)];
      const chunks = Math.ceil(pred.size / CHUNK);
      const sums = run(chunkSumProgram(source), reads, emptyTensor([chunks]), chunks);
      return [columnSum(sums, chunks, 1, [])];
    },
    backward: ([dy], saved) => ({
      pred: () => run(gradProgram(source, isSummed), [...saved, dy], emptyTensor(pred.shape), pred.size),
    }),
  });
  return result;
}
