// Losses fused with their gradients. Without a reduction each gives the sum of its values, a float32 scalar.
import { invariant } from '../../../errors/index.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { asFloat } from '../../ops/dtype.ts';
import { giouSource, iouSource, type BoxWeightLayout, type IouMode } from './boxSources.wgsl.ts';
import { fusedLoss, type FusedLoss, type LossReduction } from './fused.ts';
import {
  bceSource,
  crossEntropySource,
  distributionFocalSource,
  focalSource,
  l1Source,
  qualityFocalSource,
  smoothL1Source,
  type WeightLayout,
} from './sources.wgsl.ts';
import { at } from '../../../util/at.ts';

export type { IouMode } from './boxSources.wgsl.ts';
export type { LossReduction } from './fused.ts';

export interface FocalLossOptions {
  /** Focusing power, >= 0. mmdet's default is 2. */
  readonly gamma: number;
  /** Weight of the positive class, 1 - alpha of the negatives. mmdet's default is 0.25. */
  readonly alpha: number;
}

/**
 * Sigmoid focal loss.
 *
 * @param logits float32 [N, K].
 * @param labels int32 [N], 0 to K - 1, or K for background.
 * @param weights float32 [N] or [N, K], or null for 1. Not differentiable.
 * Source: mmdet 2.28.2 py_sigmoid_focal_loss.
 */
export function sigmoidFocalLoss(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  options: FocalLossOptions,
  reduction?: LossReduction,
): Tensor {
  invariant(labels.dtype === 'int32', `focal loss labels are ${labels.dtype}, not int32`);
  const layout = layoutOf(logits, weights, labels.size);
  const numbers = [options.gamma, options.alpha];
  return elementwise(
    focalSource(layout),
    logits,
    [labels, ...floats([weights])],
    labels.size,
    numbers,
    reduction,
  );
}

/**
 * weight * (d < beta ? 0.5 d^2 / beta : d - 0.5 beta), d = |pred - target|.
 *
 * @param pred float32 [N, K]. @param target of pred's shape, a constant.
 * @param weights float32 [N] or [N, K], or null for 1; a constant.
 */
export function smoothL1Loss(
  pred: Tensor,
  target: Tensor,
  weights: Tensor | null,
  beta: number,
  reduction?: LossReduction,
): Tensor {
  const layout = layoutOf(pred, weights, pred.shape[0]);
  return elementwise(
    smoothL1Source(layout),
    pred,
    paired(pred, target, weights),
    pred.shape[0],
    [beta],
    reduction,
  );
}

/** weight * |pred - target|, of tensors as {@link smoothL1Loss} takes. */
export function l1Loss(
  pred: Tensor,
  target: Tensor,
  weights: Tensor | null,
  reduction?: LossReduction,
): Tensor {
  const layout = layoutOf(pred, weights, pred.shape[0]);
  return elementwise(l1Source(layout), pred, paired(pred, target, weights), pred.shape[0], [], reduction);
}

/**
 * Binary cross entropy of sigmoid(logits).
 *
 * @param logits float32 [N, K]. @param targets float32 of the same shape, in [0, 1]; a constant.
 * @param weights float32 [N] or [N, K], or null for 1; a constant.
 * @param posWeight float32 [K] weight of the positive part of each class, or null for 1; a constant.
 * Source: torch 1.13 `binary_cross_entropy_with_logits`.
 */
export function bceWithLogitsLoss(
  logits: Tensor,
  targets: Tensor,
  weights: Tensor | null,
  posWeight: Tensor | null = null,
  reduction?: LossReduction,
): Tensor {
  const rows = logits.shape[0];
  const layout = layoutOf(logits, weights, rows);
  const constants = [...paired(logits, targets, weights), ...floats([posWeight])];
  invariant(
    !posWeight || posWeight.size * rows === logits.size,
    `BCE of [${logits.shape.join()}] with ${posWeight?.size} positive weights`,
  );
  return elementwise(bceSource(layout, posWeight !== null), logits, constants, rows, [], reduction);
}

export interface CrossEntropyOptions {
  /** float32 [K], or null for 1. */
  readonly classWeight?: Tensor | null;
  /** Rows of this label count 0. Default -100, torch's. */
  readonly ignoreIndex?: number;
}

/**
 * Cross entropy of softmax(logits), one value per row.
 *
 * @param logits float32 [N, K]. @param labels int32 [N], 0 to K - 1 or `ignoreIndex`.
 * @param weights float32 [N], or null for 1; a constant.
 */
export function softmaxCrossEntropyLoss(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  { classWeight = null, ignoreIndex = -100 }: CrossEntropyOptions = {},
  reduction?: LossReduction,
): Tensor {
  const rows = labels.size;
  const classes = at(logits.shape, logits.rank - 1);
  invariant(labels.dtype === 'int32', `cross entropy labels are ${labels.dtype}, not int32`);
  invariant(rows * classes === logits.size, `cross entropy of [${logits.shape.join()}] and ${rows} labels`);
  invariant(!weights || weights.size === rows, `cross entropy of ${rows} rows and ${weights?.size} weights`);
  invariant(
    !classWeight || classWeight.size === classes,
    `cross entropy of ${classes} classes and ${classWeight?.size} weights`,
  );
  const constants = [labels, ...floats([weights, classWeight])];
  const source = crossEntropySource(weights !== null, classWeight !== null);
  const integers = [classes, ignoreIndex];
  return fusedLoss({ source, pred: logits, constants, shape: [rows], integers, floats: [] }, reduction);
}

/**
 * Quality focal loss, one value per logit.
 *
 * @param logits float32 [N, K]. @param labels int32 [N], 0 to K - 1, or K for background.
 * @param quality float32 [N] what the right class should score, in [0, 1]; a constant.
 * @param weights float32 [N] or [N, K], or null for 1; a constant.
 * @param beta > 0. Source: mmdet 2.28.2 `quality_focal_loss`.
 */
export function qualityFocalLoss(
  logits: Tensor,
  labels: Tensor,
  quality: Tensor,
  weights: Tensor | null,
  beta: number,
  reduction?: LossReduction,
): Tensor {
  const rows = labels.size;
  invariant(labels.dtype === 'int32', `quality focal loss labels are ${labels.dtype}, not int32`);
  invariant(quality.size === rows, `quality focal loss of ${rows} labels and ${quality.size} qualities`);
  const layout = layoutOf(logits, weights, rows);
  const constants = [labels, ...floats([quality, weights])];
  return elementwise(qualityFocalSource(layout), logits, constants, rows, [beta], reduction);
}

/**
 * Distribution focal loss, one value per row.
 *
 * @param logits float32 [N, n + 1] over the places 0 to n. @param goal float32 [N], in [0, n]; a constant.
 * @param weights float32 [N], or null for 1; a constant. Source: mmdet 2.28.2 `distribution_focal_loss`.
 */
export function distributionFocalLoss(
  logits: Tensor,
  goal: Tensor,
  weights: Tensor | null,
  reduction?: LossReduction,
): Tensor {
  const rows = goal.size;
  const places = at(logits.shape, logits.rank - 1);
  invariant(rows * places === logits.size, `distributions [${logits.shape.join()}] and ${rows} goals`);
  invariant(!weights || weights.size === rows, `${rows} distributions and ${weights?.size} weights`);
  const constants = floats([goal, weights]);
  const source = distributionFocalSource(weights !== null);
  return fusedLoss(
    { source, pred: logits, constants, shape: [rows], integers: [places], floats: [] },
    reduction,
  );
}

/**
 * -log(IoU), 1 - IoU or 1 - IoU^2 of boxes in pairs, one value per box; IoUs are at least `eps`.
 *
 * @param pred float32 [N, 4], xyxy. @param target of the same shape, a constant.
 * @param weights float32 [N], or [N, 4] to be averaged, or null for 1; a constant.
 */
export function iouLoss(
  pred: Tensor,
  target: Tensor,
  weights: Tensor | null,
  mode: IouMode,
  eps: number,
  reduction?: LossReduction,
): Tensor {
  // The union's own epsilon is bbox_overlaps's default.
  return fusedLoss(
    boxes(iouSource(mode, boxLayout(pred, weights)), pred, target, weights, [1e-6, eps]),
    reduction,
  );
}

/** 1 - GIoU of boxes in pairs, one value per box, of tensors as {@link iouLoss} takes. */
export function giouLoss(
  pred: Tensor,
  target: Tensor,
  weights: Tensor | null,
  eps: number,
  reduction?: LossReduction,
): Tensor {
  return fusedLoss(boxes(giouSource(boxLayout(pred, weights)), pred, target, weights, [eps]), reduction);
}

function layoutOf(pred: Tensor, weights: Tensor | null, rows: number): WeightLayout {
  if (!weights) return 'none';
  if (weights.size === pred.size) return 'element';
  invariant(weights.size === rows, `loss of [${pred.shape.join()}] with ${weights.size} weights`);
  return 'row';
}

// Masks and counts are integers: taken as the numbers they are.
const floats = (tensors: readonly (Tensor | null)[]): Tensor[] =>
  tensors.flatMap((x) => (x ? [asFloat(x)] : []));

function paired(pred: Tensor, target: Tensor, weights: Tensor | null): Tensor[] {
  invariant(pred.size === target.size, `loss of ${pred.size} predictions and ${target.size} targets`);
  return floats([target, weights]);
}

function elementwise(
  source: FusedLoss['source'],
  pred: Tensor,
  constants: readonly Tensor[],
  rows: number,
  numbers: readonly number[],
  reduction: LossReduction | undefined,
): Tensor {
  const classes = pred.size === 0 ? 1 : pred.size / rows;
  invariant(Number.isInteger(classes), `${source.name} of ${pred.size} values in ${rows} rows`);
  return fusedLoss(
    { source, pred, constants, shape: pred.shape, integers: [classes], floats: numbers },
    reduction,
  );
}

function boxLayout(pred: Tensor, weights: Tensor | null): BoxWeightLayout {
  if (!weights) return 'none';
  if (weights.size === pred.size) return 'coordinates';
  invariant(weights.size * 4 === pred.size, `loss of ${pred.size / 4} boxes with ${weights.size} weights`);
  return 'box';
}

function boxes(
  source: FusedLoss['source'],
  pred: Tensor,
  target: Tensor,
  weights: Tensor | null,
  numbers: readonly number[],
): FusedLoss {
  const constants = paired(pred, target, weights);
  return { source, pred, constants, shape: [pred.size / 4], integers: [], floats: numbers };
}
