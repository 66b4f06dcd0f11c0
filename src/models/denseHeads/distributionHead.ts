// The common part of heads that predict, for each side of a box, a distribution of its distance, and for each class how well the
// box fits. Source: Li et al., "Generalized Focal Loss", 2020; mmdet 2.28.2 `models/dense_heads/gfl_head.py`.

import {
  add,
  broadcastTo,
  div,
  max,
  maximum,
  mul,
  noGrad,
  reshape,
  sigmoid,
  sub,
  sum,
  iouLoss,
  tensor,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  atLeast,
  built,
  declareArgs,
  int,
  optional,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { centersOf, DistancePointBBoxCoder } from '../bbox/distancePointBBoxCoder.ts';
import type { Boxes } from '../bbox/iou.ts';
import type { TrainBatch } from '../detectors/batch.ts';
import { QualityFocalLoss, type DistributionFocalLoss } from '../losses/gflLosses.ts';
import { ANCHOR_HEAD_ARGS, AnchorHead, featureSizes, repeated, type AnchorOutputs } from './anchorHead.ts';
import type { AnchorTargets } from './anchorTargets.ts';
import type { Losses } from './denseHead.ts';
import type { Integral } from './integral.ts';

export const DISTRIBUTION_HEAD_ARGS = declareArgs({
  ...ANCHOR_HEAD_ARGS.table,
  bbox_coder: optional(
    built('BBOX_CODERS'),
    { type: 'DistancePointBBoxCoder' },
    'How boxes are told relative to the centres of cells.',
  ),
  loss_cls: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'QualityFocalLoss', use_sigmoid: true, beta: 2, loss_weight: 1 },
    'The loss of the classes: QualityFocalLoss.',
  ),
  loss_dfl: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'DistributionFocalLoss', loss_weight: 0.25 },
    'The loss of the distributions.',
  ),
  loss_bbox: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'GIoULoss', loss_weight: 2 },
    'The loss of the boxes.',
  ),
  reg_max: optional(atLeast(int, 1), 16, 'The largest distance of a side, in strides.', 'strides'),
});

export abstract class DistributionHead extends AnchorHead {
  readonly #regMax: number;
  readonly #strides: readonly number[];
  readonly #lossQuality: QualityFocalLoss;
  readonly #lossDfl: DistributionFocalLoss;

  protected constructor(args: ArgsOf<typeof DISTRIBUTION_HEAD_ARGS>, context: BuildContext) {
    const { regMax, lossDfl, lossCls, ...rest } = withDefaults(DISTRIBUTION_HEAD_ARGS, args);
    super({ ...rest, lossCls, regDecodedBbox: true }, context);
    this.#regMax = regMax;
    const lossQuality: unknown = this.lossCls;
    if (!(lossQuality instanceof QualityFocalLoss))
      throw new ConfigError('loss_cls must be a QualityFocalLoss', {
        code: 'bad-type',
        path: `${context.path}.loss_cls`,
      });
    this.#lossQuality = lossQuality;
    this.#lossDfl = context.build<DistributionFocalLoss>('MODELS', lossDfl, 'loss_dfl', {}, 'loss');
    if (!(this.coder instanceof DistancePointBBoxCoder))
      throw new ConfigError('bbox_coder must be a DistancePointBBoxCoder', {
        code: 'bad-type',
        path: `${context.path}.bbox_coder`,
      });
    if (this.numBasePriors !== 1)
      throw new ConfigError(
        `anchor_generator must give one anchor per cell, but gives ${this.numBasePriors}`,
        {
          code: 'bad-value',
          path: `${context.path}.anchor_generator`,
          hint: 'write ratios=[1.0], octave_base_scale=8, scales_per_octave=1',
        },
      );
    this.#strides = this.generator.strides.map(([width]) => width);
  }

  /** Numbers of a box: 4 distributions. */
  protected get boxChannels(): number {
    return 4 * (this.#regMax + 1);
  }

  /** Registered by the subclass, where PyTorch's order has it. */
  protected abstract readonly integral: Integral;

  override loss([clsScores, bboxPreds]: AnchorOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    const sizes = featureSizes(clsScores);
    const images = batch.imgMetas.length;
    const targets = this.stepTargets(sizes, batch);
    const avgFactor = targets.numTotalSamples;
    const clsLosses: Tensor[] = [];
    const bboxLosses: Tensor[] = [];
    const dflLosses: Tensor[] = [];
    let total: Tensor | null = null;
    for (const [i, anchors] of this.anchors(sizes).entries()) {
      const n = (anchors.length / 4) * images;
      const stride = at(this.#strides, i);
      const scores = reshape(at(clsScores, i), [n, this.numClasses]);
      const distributions = reshape(at(bboxPreds, i), [n, this.boxChannels]);
      // Everything below is in strides.
      const centers = scaled(centersOf(repeated(anchors, images)), 1 / stride);
      const boxes = this.coder.decodeTensor(tensor(centers, [n, 2]), this.integral.forward(distributions));
      const isObject = targets.level(i, (t) => objectMask(t, this.numClasses), [n]);
      const goal = targets.level(i, (t) => scaled(t.bboxTargets, 1 / stride), [n, 4]);
      const corners = targets.level(i, (t) => this.#corners(t, centers, stride), [n * 4]);
      const { quality, weight } = noGrad(() => ({
        quality: mul(isObject, sub(1, iouLoss(boxes, goal, null, 'linear', 0, { isElementwise: true }))),
        weight: mul(isObject, sigmoid(max(scores, [1]))),
      }));
      const labels = targets.level(i, (t) => t.labels, [n], 'int32');
      const labelWeights = targets.level(i, (t) => t.labelWeights, [n]);
      clsLosses.push(
        this.#lossQuality.forward(scores, [labels, quality], { weight: labelWeights, avgFactor }),
      );
      bboxLosses.push(this.lossBbox.forward(boxes, goal, { weight, avgFactor: 1 }));
      const sideWeight = reshape(broadcastTo(reshape(weight, [n, 1]), [n, 4]), [n * 4]);
      const sides = reshape(distributions, [n * 4, this.#regMax + 1]);
      dflLosses.push(this.#lossDfl.forward(sides, corners, { weight: sideWeight, avgFactor: 4 }));
      const weights = noGrad(() => sum(weight));
      total = total ? noGrad(() => add(total as Tensor, weights)) : weights;
    }
    const divisor = noGrad(() => maximum(total ?? 0, 1));
    return new Map([
      ['loss_cls', clsLosses],
      ['loss_bbox', bboxLosses.map((loss) => div(loss, divisor))],
      ['loss_dfl', dflLosses.map((loss) => div(loss, divisor))],
    ]);
  }

  protected override predictions([clsScores, bboxPreds]: AnchorOutputs): [
    scores: Tensor[],
    deltas: Tensor[],
  ] {
    return [
      clsScores.map((level) => sigmoid(level)),
      bboxPreds.map((level, i) => mul(this.integral.forward(level), at(this.#strides, i))),
    ];
  }

  protected override decode(anchors: Boxes, deltas: Float32Array, maxShape: readonly number[] | null): Boxes {
    return this.coder.decode(centersOf(anchors), deltas, maxShape);
  }

  /** How far the sides of objects are from the centres, float32 [N * 4], in strides. */
  #corners(targets: AnchorTargets, centers: Float32Array, stride: number): Float32Array {
    const { coder } = this;
    const goal = scaled(targets.bboxTargets, 1 / stride);
    const corners =
      coder instanceof DistancePointBBoxCoder ? coder.encode(centers, goal, this.#regMax) : goal;
    const mask = objectMask(targets, this.numClasses);
    return corners.map((value, k) => value * (mask[k >> 2] ?? 0));
  }
}

function objectMask({ labels }: AnchorTargets, numClasses: number): Float32Array {
  return Float32Array.from(labels, (label) => (label < numClasses ? 1 : 0));
}

function scaled(values: Float32Array, factor: number): Float32Array {
  return values.map((value) => value * factor);
}
