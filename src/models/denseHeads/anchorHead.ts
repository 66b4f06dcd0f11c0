// The common part of anchor-based heads: anchors, targets, losses, and boxes at test time.
// Source: mmdet 2.28.2 `models/dense_heads/{anchor_head,base_dense_head}.py`.

import {
  dispose,
  read,
  reshape,
  sigmoid,
  slice,
  softmax,
  tensor,
  tidy,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError, invariant } from '../../errors/index.ts';
import { initCfgArg, Module } from '../../nn/index.ts';
import {
  absent,
  atLeast,
  built,
  declareArgs,
  dict,
  dictOf,
  dictWithDefaults,
  flag,
  int,
  number,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
  type DictOf,
} from '../../registry/index.ts';
import { AnchorGenerator, type Size } from '../bbox/anchorGenerator.ts';
import type { BBoxCoder } from '../bbox/deltaXYWHBBoxCoder.ts';
import type { Boxes } from '../bbox/iou.ts';
import type { Assigner } from '../bbox/maxIoUAssigner.ts';
import { PseudoSampler, type Sampler } from '../bbox/pseudoSampler.ts';
import type { Detections } from '../bbox/nms.ts';
import type { ImageMeta, TrainBatch } from '../detectors/batch.ts';
import { checkInputChannels } from '../inputChannels.ts';
import type { Loss } from '../losses/reduction.ts';
import { imageTargets, targetsByLevel, type TargetRules } from './anchorTargets.ts';
import { StepTargets, type BatchTargets } from './stepTargets.ts';
import type { DenseHead, Losses } from './denseHead.ts';
import {
  readTestCfg,
  selectDetections,
  TEST_CFG,
  type LevelPredictions,
  type TestCfg,
} from './postProcess.ts';
import { at as itemAt, take } from '../../util/at.ts';

/** Keys of a `train_cfg`. */
export const TRAIN_CFG_ARGS = declareArgs(
  {
    assigner: absent(built('BBOX_ASSIGNERS'), 'Which ground truth each anchor answers for.'),
    // Not built where the loss itself balances objects and background.
    sampler: absent(orNone(dict), 'Which of the anchors count.'),
    allowed_border: optional(number, -1, 'How far anchors may reach over the border; -1: any way.', 'px'),
    pos_weight: optional(number, -1, 'Weight of anchors with a ground truth; 0 or less: 1.'),
    debug: absent(flag, 'Changes nothing.'),
  },
  // MMDetection's heads pick what they know out of it.
  { rest: true },
);

/** Of the `train_cfg` of an anchor head. */
export const TRAIN_CFG = dictOf(TRAIN_CFG_ARGS);
type TrainCfg = DictOf<typeof TRAIN_CFG_ARGS.table>;

/** The arguments that every anchor head takes. */
export const ANCHOR_HEAD_ARGS = declareArgs({
  num_classes: required(atLeast(int, 1), 'How many classes there are, without background.', 'classes'),
  in_channels: required(atLeast(int, 1), 'Channels of each level that comes in.', 'channels'),
  feat_channels: optional(atLeast(int, 1), 256, 'Channels of the convolutions in between.', 'channels'),
  anchor_generator: optional(
    built('PRIOR_GENERATORS'),
    { type: 'AnchorGenerator', scales: [8, 16, 32], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] },
    'The anchors of each level.',
  ),
  bbox_coder: optional(
    built('BBOX_CODERS'),
    { type: 'DeltaXYWHBBoxCoder', target_stds: [1, 1, 1, 1] },
    'How boxes are told relative to anchors.',
  ),
  reg_decoded_bbox: optional(flag, false, 'Whether the box loss is on decoded boxes, for IoU losses.'),
  loss_cls: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'FocalLoss', use_sigmoid: true },
    'The loss of the classes.',
  ),
  loss_bbox: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'SmoothL1Loss', beta: 1 / 9, loss_weight: 1 },
    'The loss of the boxes.',
  ),
  train_cfg: optional(orNone(TRAIN_CFG), null, 'How anchors are assigned.'),
  test_cfg: optional(orNone(TEST_CFG), null, 'How boxes are picked.'),
  init_cfg: initCfgArg,
});

/** Per level scores [B, H, W, A * K], boxes [B, H, W, A * 4], and what a head says besides. */
export type AnchorOutputs = readonly [
  clsScores: readonly Tensor[],
  bboxPreds: readonly Tensor[],
  ...others: (readonly Tensor[])[],
];

interface Pyramid {
  /** float32 [N, 4] per level. */
  readonly levels: readonly Boxes[];
  /** All levels in one. */
  readonly all: Boxes;
}

/** Anchors of so many picture shapes are kept; a large picture's take 3 MB. */
const MAX_PYRAMIDS = 64;

export abstract class AnchorHead extends Module implements DenseHead<AnchorOutputs> {
  static readonly part = 'head';
  readonly numClasses: number;
  readonly #inChannels: number;
  /** Scores per anchor: one per class, and one for background when the scores come from a softmax. */
  readonly clsOutChannels: number;
  readonly generator: AnchorGenerator;
  readonly #useSigmoid: boolean;
  protected readonly coder: BBoxCoder;
  protected readonly lossCls: Loss;
  protected readonly lossBbox: Loss;
  readonly #regDecodedBbox: boolean;
  readonly #rules: TargetRules | null;
  readonly #testCfg: TestCfg | null;
  readonly #pyramids = new Map<string, Pyramid>();

  protected constructor(args: ArgsOf<typeof ANCHOR_HEAD_ARGS>, context: BuildContext) {
    super();
    const complete = withDefaults(ANCHOR_HEAD_ARGS, args);
    const { numClasses, inChannels, lossCls, trainCfg, testCfg } = complete;
    this.#useSigmoid = Boolean(lossCls.use_sigmoid);
    this.numClasses = numClasses;
    this.#inChannels = inChannels;
    this.clsOutChannels = this.#useSigmoid ? numClasses : numClasses + 1;
    this.initCfg = complete.initCfg ?? { type: 'Normal', layer: 'Conv2d', std: 0.01 };
    this.#regDecodedBbox = complete.regDecodedBbox;
    this.coder = context.build<BBoxCoder>('BBOX_CODERS', complete.bboxCoder, 'bbox_coder');
    this.lossCls = context.build<Loss>('MODELS', lossCls, 'loss_cls', {}, 'loss');
    this.lossBbox = context.build<Loss>('MODELS', complete.lossBbox, 'loss_bbox', {}, 'loss');
    this.generator = context.build<AnchorGenerator>(
      'PRIOR_GENERATORS',
      complete.anchorGenerator,
      'anchor_generator',
    );
    if (!(this.generator instanceof AnchorGenerator))
      throw new ConfigError('anchor_generator must be an AnchorGenerator', { code: 'bad-type' });
    this.#rules = trainCfg ? this.#resolveRules(trainCfg, lossCls.type, detectorOf(context)) : null;
    this.#testCfg = testCfg ? readTestCfg(testCfg) : null;
  }

  /** Anchors per cell; the same on every level. */
  protected get numBasePriors(): number {
    return itemAt(this.generator.numBasePriors, 0);
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns scores [B, H, W, A * K] and deltas [B, H, W, A * 4] */
  protected abstract forwardSingle(x: Tensor, level: number): readonly [Tensor, Tensor, ...Tensor[]];

  forward(feats: readonly Tensor[]): AnchorOutputs {
    const outputs = feats.map((x, level) => {
      checkInputChannels(this.#inChannels, x, 'bbox_head.in_channels');
      return this.forwardSingle(x, level);
    });
    const others =
      outputs[0]?.slice(2).map((_, kind) => outputs.map((output) => itemAt(output, kind + 2))) ?? [];
    return [outputs.map(([cls]) => cls), outputs.map(([, bbox]) => bbox), ...others];
  }

  loss([clsScores, bboxPreds]: AnchorOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    const sizes = featureSizes(clsScores);
    const images = batch.imgMetas.length;
    const targets = this.stepTargets(sizes, batch);
    const avgFactor = targets.numTotalSamples;
    const clsLosses: Tensor[] = [];
    const bboxLosses: Tensor[] = [];
    for (const [i, anchors] of this.anchors(sizes).entries()) {
      const n = (anchors.length / 4) * images;
      const scores = reshape(itemAt(clsScores, i), [n, this.clsOutChannels]);
      const labels = targets.level(i, (t) => t.labels, [n], 'int32');
      const labelWeights = targets.level(i, (t) => t.labelWeights, [n]);
      clsLosses.push(this.lossCls.forward(scores, labels, { weight: labelWeights, avgFactor }));
      let boxes = reshape(itemAt(bboxPreds, i), [n, 4]);
      if (this.#regDecodedBbox) {
        const all = tensor(repeated(anchors, images), [n, 4]);
        boxes = this.coder.decodeTensor(all, boxes);
      }
      const bboxTargets = targets.level(i, (t) => t.bboxTargets, [n, 4]);
      const bboxWeights = targets.level(i, (t) => t.bboxWeights, [n, 4]);
      bboxLosses.push(this.lossBbox.forward(boxes, bboxTargets, { weight: bboxWeights, avgFactor }));
    }
    return new Map([
      ['loss_cls', clsLosses],
      ['loss_bbox', bboxLosses],
    ]);
  }

  async getBboxes(
    outputs: AnchorOutputs,
    metas: readonly ImageMeta[],
    rescale: boolean,
  ): Promise<Detections[]> {
    const cfg = this.#testCfg;
    if (!cfg)
      throw new ConfigError('model.test_cfg must say how to pick boxes, but there is none', {
        code: 'no-test-cfg',
        path: 'model.test_cfg',
        hint: 'write test_cfg=dict(nms_pre=1000, score_thr=0.05, nms=dict(...), max_per_img=100) in the model',
      });
    const [clsScores] = outputs;
    const pyramid = this.anchors(featureSizes(clsScores));
    const [scores, deltas, factors] = tidy((): [Tensor[], Tensor[], Tensor[]] => [
      ...this.predictions(outputs),
      this.factors(outputs),
    ]);
    const readAll = (levels: readonly Tensor[]): Promise<Float32Array[]> =>
      Promise.all(levels.map(readFloat32));
    const [scoreValues, deltaValues, factorValues] = await Promise.all([
      readAll(scores),
      readAll(deltas),
      readAll(factors),
    ]);
    const borrowed = new Set(outputs.flat());
    dispose([...scores, ...deltas, ...factors].filter((made) => !borrowed.has(made)));
    return metas.map((meta, b) => {
      const predictions = pyramid.map((anchors, i): LevelPredictions => {
        const n = anchors.length / 4;
        const k = this.numClasses;
        return {
          anchors,
          scores: itemAt(scoreValues, i).subarray(b * n * k, (b + 1) * n * k),
          deltas: itemAt(deltaValues, i).subarray(b * n * 4, (b + 1) * n * 4),
          factors: factorValues[i]?.subarray(b * n, (b + 1) * n),
        };
      });
      return selectDetections(predictions, {
        numClasses: this.numClasses,
        decode: (anchors, values, shape) => this.decode(anchors, values, shape),
        meta,
        cfg,
        rescale,
      });
    });
  }

  /** What is read back: scores in [0, 1], [B * N, K], and what {@link decode} takes, [B * N, 4], per level. */
  protected predictions([clsScores, bboxPreds]: AnchorOutputs): [scores: Tensor[], deltas: Tensor[]] {
    return [clsScores.map((level) => this.#activate(level)), [...bboxPreds]];
  }

  /** By what the scores of each anchor are multiplied, [B * N] per level; none: by nothing. */
  protected factors(_outputs: AnchorOutputs): Tensor[] {
    return [];
  }

  /** Boxes of predictions. float32 [N, 4] each; `maxShape`: [height, width, …] to clip to, px */
  protected decode(anchors: Boxes, deltas: Float32Array, maxShape: readonly number[] | null): Boxes {
    return this.coder.decode(anchors, deltas, maxShape);
  }

  /** The targets of a batch. @throws ConfigError `no-train-cfg` */
  protected stepTargets<B extends Omit<TrainBatch, 'img'>>(sizes: readonly Size[], batch: B): StepTargets<B> {
    this.#rulesOrThrow();
    return new StepTargets(batch, (b) => this.#targets(sizes, b));
  }

  /** The anchors of a picture of the given feature sizes. float32 [N, 4] per level. */
  anchors(sizes: readonly Size[]): readonly Boxes[] {
    return this.#pyramid(sizes).levels;
  }

  /** Scores in [0, 1] of the real classes, [B * N, K]. */
  #activate(level: Tensor): Tensor {
    if (this.#useSigmoid) return sigmoid(level);
    const rows = reshape(level, [-1, this.clsOutChannels]);
    return slice(softmax(rows), [0, 0], [rows.shape[0], this.numClasses]);
  }

  #targets(sizes: readonly Size[], batch: Omit<TrainBatch, 'img'>): BatchTargets {
    const rules = this.#rulesOrThrow();
    const { levels, all } = this.#pyramid(sizes);
    const counts = levels.map((anchors) => anchors.length / 4);
    const images = batch.imgMetas.map((meta, b) => {
      const valid = concatFlags(this.generator.validFlags(sizes, meta.pad_shape), all.length / 4);
      const truth = {
        meta,
        boxes: itemAt(batch.gtBboxes, b),
        labels: itemAt(batch.gtLabels, b),
        ignore: batch.gtBboxesIgnore?.[b] ?? null,
      };
      return imageTargets(all, valid, counts, truth, rules);
    });
    // A picture without a positive anchor counts as one, so that the losses stay finite. With sampling, the chosen
    // background anchors count too.
    const isSampling = !(rules.sampler instanceof PseudoSampler);
    const numTotalSamples = images.reduce(
      (total, { numPos, numNeg }) => total + Math.max(numPos, 1) + (isSampling ? Math.max(numNeg, 1) : 0),
      0,
    );
    return { levels: targetsByLevel(images, counts), numTotalSamples };
  }

  /** @throws ConfigError `no-train-cfg` */
  #rulesOrThrow(): TargetRules {
    if (this.#rules) return this.#rules;
    throw new ConfigError('model.train_cfg must say how anchors are assigned, but there is none', {
      code: 'no-train-cfg',
      path: 'model.train_cfg',
      hint: 'write train_cfg=dict(assigner=dict(...), allowed_border=-1, pos_weight=-1, debug=False) in the model',
    });
  }

  #pyramid(sizes: readonly Size[]): Pyramid {
    const key = sizes.join(';');
    let pyramid = this.#pyramids.get(key);
    if (!pyramid) {
      const levels = this.generator.gridPriors(sizes);
      const all = new Float32Array(levels.reduce((sum, level) => sum + level.length, 0));
      let at = 0;
      for (const level of levels) {
        all.set(level, at);
        at += level.length;
      }
      if (this.#pyramids.size >= MAX_PYRAMIDS) this.#pyramids.clear();
      this.#pyramids.set(key, (pyramid = { levels, all }));
    }
    return pyramid;
  }

  /** @param context the detector's: it is its `train_cfg` */
  #resolveRules(trainCfg: TrainCfg, lossType: unknown, context: BuildContext): TargetRules {
    const { assigner, sampler, allowed_border, pos_weight } = dictWithDefaults(TRAIN_CFG_ARGS, trainCfg);
    return {
      assigner: context.build<Assigner>('BBOX_ASSIGNERS', assigner, 'train_cfg.assigner'),
      sampler: sampler ? this.#buildSampler(sampler, lossType, context) : new PseudoSampler(),
      coder: this.coder,
      numClasses: this.numClasses,
      regDecodedBbox: this.#regDecodedBbox,
      allowedBorder: allowed_border,
      posWeight: pos_weight,
    };
  }

  #buildSampler(cfg: unknown, lossType: unknown, context: BuildContext): Sampler {
    // MMDetection too samples nothing where the loss itself balances objects and background.
    if (BALANCED_LOSSES.includes(String(lossType))) return new PseudoSampler();
    return context.build<Sampler>('BBOX_SAMPLERS', cfg, 'train_cfg.sampler');
  }
}

const BALANCED_LOSSES = ['FocalLoss', 'GHMC', 'QualityFocalLoss'];

/** Detectors hand their `train_cfg` down to the head. */
function detectorOf(context: BuildContext): BuildContext {
  return context.at(context.path.replace(/\.?[^.]*$/, ''));
}

/** A level's anchors once for each picture. */
export function repeated(anchors: Boxes, images: number): Boxes {
  const all = new Float32Array(anchors.length * images);
  for (let b = 0; b < images; b++) all.set(anchors, b * anchors.length);
  return all;
}

/** [rows, columns] of every level. */
export function featureSizes(levels: readonly Tensor[]): Size[] {
  return levels.map((level) => {
    const [, rows, columns]: readonly number[] = take(level.shape, 3);
    return [rows, columns];
  });
}

function concatFlags(levels: readonly Uint8Array[], total: number): Uint8Array {
  const flags = new Uint8Array(total);
  let at = 0;
  for (const level of levels) {
    flags.set(level, at);
    at += level.length;
  }
  return flags;
}

async function readFloat32(source: Tensor): Promise<Float32Array> {
  const values = await read(source);
  invariant(values instanceof Float32Array, 'predictions are float32');
  return values;
}
