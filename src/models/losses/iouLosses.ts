// Losses on the overlap of predicted and true boxes. Source: mmdet 2.28.2 `models/losses/iou_loss.py`.

import {
  add,
  div,
  log,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  slice,
  square,
  sub,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import {
  boxWeight,
  checkReduction,
  reduceLoss,
  type Loss,
  type LossOptions,
  type Reduction,
} from './reduction.ts';

export interface IoULossArgs {
  /** True: the same as mode 'linear' (deprecated in MMDetection). */
  linear?: boolean;
  eps?: number;
  reduction?: string;
  lossWeight?: number;
  mode?: string;
}

export interface GIoULossArgs {
  eps?: number;
  reduction?: string;
  lossWeight?: number;
}

interface Overlap {
  /** All float32 [N]. */
  readonly iou: Tensor;
  readonly union: Tensor;
  readonly hull: Tensor;
}

/** A loss per box, weighted and reduced. */
abstract class BoxLoss implements Loss {
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ reduction = 'mean', lossWeight = 1 }: GIoULossArgs) {
    this.#reduction = checkReduction(reduction);
    this.#lossWeight = lossWeight;
  }

  /** @returns float32 [N] */
  protected abstract boxLoss(pred: Tensor, target: Tensor): Tensor;

  /**
   * @param pred float32 [N, 4], xyxy, px @param target float32 [N, 4], xyxy, px
   * @param options weight per box [N] or per coordinate [N, 4]
   */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { weight = null, avgFactor = null, reductionOverride } = options;
    const elementwise = (): Tensor => {
      const loss = this.boxLoss(pred, target);
      return weight ? mul(loss, boxWeight(weight)) : loss;
    };
    const reduction = reductionOverride ?? this.#reduction;
    return reduceLoss({ count: pred.shape[0], elementwise }, reduction, this.#lossWeight, avgFactor);
  }
}

/** -log(IoU), 1 - IoU (`linear`) or 1 - IoU^2 (`square`). */
export class IoULoss extends BoxLoss {
  static readonly args: ArgSpec = {
    optional: ['linear', 'eps', 'reduction', 'loss_weight', 'mode'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #eps: number;
  readonly #mode: 'log' | 'linear' | 'square';

  constructor(args: IoULossArgs = {}) {
    super(args);
    const { mode = 'log' } = args;
    if (mode !== 'log' && mode !== 'linear' && mode !== 'square')
      throw new ConfigError(`mode must be 'linear', 'square' or 'log', but got '${mode}'`, {
        code: 'bad-value',
      });
    this.#mode = args.linear ? 'linear' : mode;
    this.#eps = args.eps ?? 1e-6;
  }

  protected override boxLoss(pred: Tensor, target: Tensor): Tensor {
    const iou = maximum(overlap(pred, target, 1e-6).iou, this.#eps);
    if (this.#mode === 'log') return neg(log(iou));
    return sub(1, this.#mode === 'linear' ? iou : square(iou));
  }
}

/** 1 - GIoU. Source: Rezatofighi et al., "Generalized Intersection over Union", 2019. */
export class GIoULoss extends BoxLoss {
  static readonly args: ArgSpec = {
    optional: ['eps', 'reduction', 'loss_weight'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #eps: number;

  constructor(args: GIoULossArgs = {}) {
    super(args);
    this.#eps = args.eps ?? 1e-6;
  }

  protected override boxLoss(pred: Tensor, target: Tensor): Tensor {
    const { iou, union, hull } = overlap(pred, target, this.#eps);
    return sub(1, sub(iou, div(sub(hull, union), hull)));
  }
}

/** Overlap of box i with box i, differentiable. Constants are those of `bbox_overlaps`. */
function overlap(a: Tensor, b: Tensor, eps: number): Overlap {
  const n = a.shape[0];
  const low = (x: Tensor): Tensor => slice(x, [0, 0], [n, 2]);
  const high = (x: Tensor): Tensor => slice(x, [0, 2], [n, 2]);
  const product = (size: Tensor): Tensor =>
    reshape(mul(slice(size, [0, 0], [n, 1]), slice(size, [0, 1], [n, 1])), [n]);
  const [aLow, aHigh, bLow, bHigh] = [low(a), high(a), low(b), high(b)];
  const inter = product(maximum(sub(evenMin(aHigh, bHigh), evenMax(aLow, bLow)), 0));
  const areas = add(product(sub(aHigh, aLow)), product(sub(bHigh, bLow)));
  const union = maximum(sub(areas, inter), eps);
  const hull = maximum(product(maximum(sub(evenMax(aHigh, bHigh), evenMin(aLow, bLow)), 0)), eps);
  return { iou: div(inter, union), union, hull };
}

/** The larger of two; equal ones share the gradient, as in PyTorch (the engine's `maximum` gives it to the first). */
function evenMax(a: Tensor, b: Tensor): Tensor {
  return mul(add(maximum(a, b), maximum(b, a)), 0.5);
}

/** The smaller of two; equal ones share the gradient. */
function evenMin(a: Tensor, b: Tensor): Tensor {
  return mul(add(minimum(a, b), minimum(b, a)), 0.5);
}

MODELS.registerModule()(IoULoss);
MODELS.registerModule()(GIoULoss);
