// The common part of anchor-based heads: anchors, targets, losses, and boxes at test time.
// Source: mmdet 2.28.2 `models/dense_heads/{anchor_head,base_dense_head}.py`.

import {
  dispose,
  read,
  reshape,
  sigmoid,
  slice,
  softmax,
  stepInput,
  tensor,
  tidy,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError, invariant } from '../../errors/index.ts';
import { Module } from '../../nn/index.ts';
import type { ArgSpec, BuildContext } from '../../registry/index.ts';
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
import type { DenseHead, HeadOutputs, Losses } from './denseHead.ts';
import { checkTestCfg, selectDetections, type LevelPredictions, type TestCfg } from './postProcess.ts';

export interface AnchorHeadArgs {
  numClasses: number;
  inChannels: number;
  featChannels?: number;
  anchorGenerator?: unknown;
  bboxCoder?: unknown;
  /** Compute the box loss on decoded boxes (for IoU losses). */
  regDecodedBbox?: boolean;
  lossCls?: Readonly<Record<string, unknown>>;
  lossBbox?: unknown;
  trainCfg?: Readonly<Record<string, unknown>> | null;
  testCfg?: Readonly<Record<string, unknown>> | null;
  initCfg?: unknown;
}

/** The arguments that every anchor head takes. */
export const ANCHOR_HEAD_ARGS = {
  required: ['num_classes', 'in_channels'],
  optional: [
    'feat_channels',
    'anchor_generator',
    'bbox_coder',
    'reg_decoded_bbox',
    'loss_cls',
    'loss_bbox',
    'train_cfg',
    'test_cfg',
    'init_cfg',
  ],
  kinds: {
    num_classes: 'positive int',
    in_channels: 'positive int',
    feat_channels: 'positive int',
    anchor_generator: 'dict',
    bbox_coder: 'dict',
    reg_decoded_bbox: 'bool',
    loss_cls: 'dict',
    loss_bbox: 'dict',
    train_cfg: 'dict?',
    test_cfg: 'dict?',
  },
} as const satisfies ArgSpec;

interface Pyramid {
  /** float32 [N, 4] per level. */
  readonly levels: readonly Boxes[];
  /** All levels in one. */
  readonly all: Boxes;
}

/** Anchors of so many picture shapes are kept; a large picture's take 3 MB. */
const MAX_PYRAMIDS = 64;

export abstract class AnchorHead extends Module implements DenseHead {
  readonly numClasses: number;
  readonly #inChannels: number;
  /** Scores per anchor: one per class, and one for background when the scores come from a softmax. */
  readonly clsOutChannels: number;
  readonly generator: AnchorGenerator;
  readonly #useSigmoid: boolean;
  readonly #coder: BBoxCoder;
  readonly #lossCls: Loss;
  readonly #lossBbox: Loss;
  readonly #regDecodedBbox: boolean;
  readonly #rules: TargetRules | null;
  readonly #testCfg: TestCfg | null;
  readonly #pyramids = new Map<string, Pyramid>();

  protected constructor(args: AnchorHeadArgs, context: BuildContext) {
    super();
    const { numClasses, lossCls = { type: 'FocalLoss', use_sigmoid: true } } = args;
    this.#useSigmoid = lossCls.use_sigmoid === true;
    this.numClasses = numClasses;
    this.#inChannels = args.inChannels;
    this.clsOutChannels = this.#useSigmoid ? numClasses : numClasses + 1;
    this.initCfg = args.initCfg ?? { type: 'Normal', layer: 'Conv2d', std: 0.01 };
    this.#regDecodedBbox = args.regDecodedBbox ?? false;
    const defaultCoder = { type: 'DeltaXYWHBBoxCoder', target_stds: [1, 1, 1, 1] };
    this.#coder = context.build<BBoxCoder>('BBOX_CODERS', args.bboxCoder ?? defaultCoder, 'bbox_coder');
    this.#lossCls = context.build<Loss>('MODELS', lossCls, 'loss_cls');
    const defaultBboxLoss = { type: 'SmoothL1Loss', beta: 1 / 9, loss_weight: 1 };
    this.#lossBbox = context.build<Loss>('MODELS', args.lossBbox ?? defaultBboxLoss, 'loss_bbox');
    const defaultAnchors = {
      type: 'AnchorGenerator',
      scales: [8, 16, 32],
      ratios: [0.5, 1, 2],
      strides: [4, 8, 16, 32, 64],
    };
    this.generator = context.build<AnchorGenerator>(
      'PRIOR_GENERATORS',
      args.anchorGenerator ?? defaultAnchors,
      'anchor_generator',
    );
    if (!(this.generator instanceof AnchorGenerator))
      throw new ConfigError('anchor_generator must be an AnchorGenerator', { code: 'bad-type' });
    this.#rules = args.trainCfg ? this.#resolveRules(args.trainCfg, lossCls.type, context) : null;
    this.#testCfg = args.testCfg ? checkTestCfg(args.testCfg) : null;
  }

  /** Anchors per cell; the same on every level. */
  protected get numBasePriors(): number {
    return this.generator.numBasePriors[0];
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns scores [B, H, W, A * K] and deltas [B, H, W, A * 4] */
  protected abstract forwardSingle(x: Tensor): readonly [Tensor, Tensor];

  forward(feats: readonly Tensor[]): HeadOutputs {
    const outputs = feats.map((x) => {
      checkInputChannels(this.#inChannels, x, 'bbox_head.in_channels');
      return this.forwardSingle(x);
    });
    return { clsScores: outputs.map(([cls]) => cls), bboxPreds: outputs.map(([, bbox]) => bbox) };
  }

  loss(outputs: HeadOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    this.#rulesOrThrow();
    const sizes = featureSizes(outputs);
    const counts = this.#pyramid(sizes).levels.map((anchors) => (anchors.length / 4) * batch.imgMetas.length);
    // Targets are made on the host, once for each batch that a step is run with.
    const targetsOf = once((b: typeof batch) => this.#targets(sizes, b));
    const avgFactor = stepInput(batch, (b) => Float32Array.of(targetsOf(b).numTotalSamples), []);
    const clsLosses: Tensor[] = [];
    const bboxLosses: Tensor[] = [];
    counts.forEach((n, i) => {
      const scores = reshape(outputs.clsScores[i], [n, this.clsOutChannels]);
      const labels = stepInput(batch, (b) => targetsOf(b).targets[i].labels, [n], 'int32');
      const labelWeights = stepInput(batch, (b) => targetsOf(b).targets[i].labelWeights, [n]);
      clsLosses.push(this.#lossCls.forward(scores, labels, { weight: labelWeights, avgFactor }));
      let boxes = reshape(outputs.bboxPreds[i], [n, 4]);
      if (this.#regDecodedBbox)
        boxes = this.#coder.decodeTensor(this.#anchorTensor(sizes, i, batch.imgMetas.length), boxes);
      const bboxTargets = stepInput(batch, (b) => targetsOf(b).targets[i].bboxTargets, [n, 4]);
      const bboxWeights = stepInput(batch, (b) => targetsOf(b).targets[i].bboxWeights, [n, 4]);
      bboxLosses.push(this.#lossBbox.forward(boxes, bboxTargets, { weight: bboxWeights, avgFactor }));
    });
    return new Map([
      ['loss_cls', clsLosses],
      ['loss_bbox', bboxLosses],
    ]);
  }

  async getBboxes(
    outputs: HeadOutputs,
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
    const { levels } = this.#pyramid(featureSizes(outputs));
    const scores = tidy(() => outputs.clsScores.map((level) => this.#activate(level)));
    const [scoreValues, deltaValues] = await Promise.all([
      Promise.all(scores.map(readFloat32)),
      Promise.all(outputs.bboxPreds.map(readFloat32)),
    ]);
    dispose(scores);
    return metas.map((meta, b) => {
      const predictions = levels.map((anchors, i): LevelPredictions => {
        const n = anchors.length / 4;
        const k = this.numClasses;
        return {
          anchors,
          scores: scoreValues[i].subarray(b * n * k, (b + 1) * n * k),
          deltas: deltaValues[i].subarray(b * n * 4, (b + 1) * n * 4),
        };
      });
      return selectDetections(predictions, {
        numClasses: this.numClasses,
        coder: this.#coder,
        meta,
        cfg,
        rescale,
      });
    });
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

  #targets(
    sizes: readonly Size[],
    batch: Omit<TrainBatch, 'img'>,
  ): { targets: ReturnType<typeof targetsByLevel>; numTotalSamples: number } {
    const rules = this.#rulesOrThrow();
    const { levels, all } = this.#pyramid(sizes);
    const images = batch.imgMetas.map((meta, b) => {
      const valid = concatFlags(this.generator.validFlags(sizes, meta.pad_shape), all.length / 4);
      const truth = {
        meta,
        boxes: batch.gtBboxes[b],
        labels: batch.gtLabels[b],
        ignore: batch.gtBboxesIgnore?.[b] ?? null,
      };
      return imageTargets(all, valid, truth, rules);
    });
    const counts = levels.map((anchors) => anchors.length / 4);
    // A picture without a positive anchor counts as one, so that the losses stay finite. With sampling, the chosen
    // background anchors count too.
    const isSampling = !(rules.sampler instanceof PseudoSampler);
    const numTotalSamples = images.reduce(
      (total, { numPos, numNeg }) => total + Math.max(numPos, 1) + (isSampling ? Math.max(numNeg, 1) : 0),
      0,
    );
    return { targets: targetsByLevel(images, counts), numTotalSamples };
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

  /** A level's anchors, repeated for each picture: a constant of the compiled step. */
  #anchorTensor(sizes: readonly Size[], level: number, images: number): Tensor {
    const anchors = this.#pyramid(sizes).levels[level];
    const repeated = new Float32Array(anchors.length * images);
    for (let b = 0; b < images; b++) repeated.set(anchors, b * anchors.length);
    return tensor(repeated, [repeated.length / 4, 4]);
  }

  #resolveRules(
    trainCfg: Readonly<Record<string, unknown>>,
    lossType: unknown,
    context: BuildContext,
  ): TargetRules {
    const number = (key: string, fallback: number): number => {
      const value = trainCfg[key] ?? fallback;
      if (typeof value === 'number') return value;
      throw new ConfigError(`train_cfg.${key} must be a number, but got ${JSON.stringify(value)}`, {
        code: 'bad-value',
      });
    };
    const { sampler } = trainCfg;
    return {
      assigner: context.build<Assigner>('BBOX_ASSIGNERS', trainCfg.assigner, 'train_cfg.assigner'),
      sampler: sampler ? this.#buildSampler(sampler, lossType, context) : new PseudoSampler(),
      coder: this.#coder,
      numClasses: this.numClasses,
      regDecodedBbox: this.#regDecodedBbox,
      allowedBorder: number('allowed_border', -1),
      posWeight: number('pos_weight', -1),
    };
  }

  #buildSampler(cfg: unknown, lossType: unknown, context: BuildContext): Sampler {
    // MMDetection too samples nothing where the loss itself balances objects and background.
    if (BALANCED_LOSSES.includes(String(lossType))) return new PseudoSampler();
    return context.build<Sampler>('BBOX_SAMPLERS', cfg, 'train_cfg.sampler');
  }
}

const BALANCED_LOSSES = ['FocalLoss', 'GHMC', 'QualityFocalLoss'];

/** Remember the result for the last argument. */
function once<A, R>(f: (args: A) => R): (args: A) => R {
  let last: { readonly args: A; readonly result: R } | null = null;
  return (args) => {
    if (last?.args !== args) last = { args, result: f(args) };
    return last.result;
  };
}

/** [rows, columns] of every level. */
function featureSizes(outputs: HeadOutputs): Size[] {
  return outputs.clsScores.map((level) => {
    const [, rows, columns]: readonly number[] = level.shape;
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
