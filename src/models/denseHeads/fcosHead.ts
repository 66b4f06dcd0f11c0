// FCOS's head. Source: Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019; mmdet 2.28.2
// `models/dense_heads/{anchor_free_head,fcos_head}.py`.

import {
  concat,
  dispose,
  exp,
  mul,
  read,
  relu,
  reshape,
  sigmoid,
  stepInput,
  tensor,
  tidy,
  type HostValues,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError, invariant } from '../../errors/index.ts';
import {
  Conv2d,
  convCfgArg,
  initCfgArg,
  Module,
  ModuleList,
  NORM_CFG,
  Scale,
  type ConvModule,
} from '../../nn/index.ts';
import {
  above,
  also,
  atLeast,
  bool,
  built,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  number,
  optional,
  orNone,
  pairOf,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { once } from '../../util/once.ts';
import { DistancePointBBoxCoder } from '../bbox/distancePointBBoxCoder.ts';
import type { Detections } from '../bbox/nms.ts';
import { MlvlPointGenerator } from '../bbox/pointGenerator.ts';
import type { ImageMeta, TrainBatch } from '../detectors/batch.ts';
import { checkInputChannels } from '../inputChannels.ts';
import type { Loss } from '../losses/reduction.ts';
import { featureSizes, TRAIN_CFG } from './anchorHead.ts';
import { centerness } from './centerness.ts';
import { convTower, runTower } from './convTower.ts';
import type { DenseHead, Losses } from './denseHead.ts';
import { pointTargets, type PointRules, type PointTargets } from './pointTargets.ts';
import { readTestCfg, selectDetections, TEST_CFG, type TestCfg } from './postProcess.ts';

const loss = built('MODELS', [], { part: 'loss' });
const RANGES: readonly (readonly [number, number])[] = [
  [-1, 64],
  [64, 128],
  [128, 256],
  [256, 512],
  [512, 1e8],
];

const FCOS_HEAD_ARGS = declareArgs({
  num_classes: required(atLeast(int, 1), 'How many classes there are, without background.', 'classes'),
  in_channels: required(atLeast(int, 1), 'Channels of each level that comes in.', 'channels'),
  feat_channels: optional(atLeast(int, 1), 256, 'Channels of the convolutions in between.', 'channels'),
  stacked_convs: optional(
    atLeast(int, 0),
    4,
    'Convolutions before the last one, in each of the two branches.',
  ),
  strides: optional(
    listOf(above(number, 0)),
    [4, 8, 16, 32, 64],
    'How far cells are apart on each level.',
    'px',
  ),
  regress_ranges: optional(
    listOf(pairOf(number)),
    RANGES,
    'Which boxes each level answers for, by the largest distance of a side.',
    'px',
  ),
  center_sampling: optional(flag, false, "Whether only points near a box's centre answer for it."),
  center_sample_radius: optional(above(number, 0), 1.5, 'How near, in strides.', 'strides'),
  norm_on_bbox: optional(flag, false, 'Whether distances are told in strides.'),
  centerness_on_reg: optional(flag, false, "Whether the boxes' branch says how central a cell is."),
  conv_bias: optional(also(bool, 'auto'), 'auto', 'Whether convolutions have a bias; auto: without a norm.'),
  dcn_on_last_conv: optional(flag, false, 'A deformable convolution; there is none here.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(
    orNone(NORM_CFG),
    { type: 'GN', num_groups: 32, requires_grad: true },
    'The norm behind each convolution; None: none.',
  ),
  bbox_coder: optional(
    built('BBOX_CODERS'),
    { type: 'DistancePointBBoxCoder' },
    'How boxes are told relative to points.',
  ),
  loss_cls: optional(
    loss,
    { type: 'FocalLoss', use_sigmoid: true, gamma: 2, alpha: 0.25, loss_weight: 1 },
    'The loss of the classes.',
  ),
  loss_bbox: optional(loss, { type: 'IoULoss', loss_weight: 1 }, 'The loss of the boxes.'),
  loss_centerness: optional(
    loss,
    { type: 'CrossEntropyLoss', use_sigmoid: true, loss_weight: 1 },
    'The loss of how central a cell is.',
  ),
  train_cfg: optional(orNone(TRAIN_CFG), null, 'Changes nothing: sizes decide which point answers.'),
  test_cfg: optional(orNone(TEST_CFG), null, 'How boxes are picked.'),
  init_cfg: initCfgArg,
});

const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'conv_cls', std: 0.01, bias_prob: 0.01 },
};

type FcosOutputs = readonly [
  clsScores: readonly Tensor[],
  bboxPreds: readonly Tensor[],
  centralities: readonly Tensor[],
];

/** Says for each point which class it lies in, how far the sides of its box are, and how central it is. */
export class FCOSHead extends Module implements DenseHead<FcosOutputs> {
  static readonly args = FCOS_HEAD_ARGS;
  static readonly part = 'head';
  override readonly className = 'FCOSHead';
  readonly numClasses: number;
  readonly #inChannels: number;
  readonly #generator: MlvlPointGenerator;
  readonly #coder: DistancePointBBoxCoder;
  readonly #rules: PointRules;
  readonly #testCfg: TestCfg | null;
  readonly #isCentralityOnReg: boolean;
  readonly #lossCls: Loss;
  readonly #lossBbox: Loss;
  readonly #lossCenterness: Loss;
  readonly #clsConvs: ModuleList<ConvModule>;
  readonly #regConvs: ModuleList<ConvModule>;
  readonly #cls: Conv2d;
  readonly #reg: Conv2d;
  readonly #centerness: Conv2d;
  readonly #scales: ModuleList<Scale>;

  constructor(args: ArgsOf<typeof FCOS_HEAD_ARGS>, context: BuildContext) {
    super();
    const complete = withDefaults(FCOS_HEAD_ARGS, args);
    const { numClasses, inChannels, featChannels, stackedConvs, strides, convCfg, normCfg } = complete;
    if (complete.regressRanges.length !== strides.length)
      throw new ConfigError(
        `regress_ranges must have one entry per stride (${strides.length}), but has ${complete.regressRanges.length}`,
        { code: 'bad-value' },
      );
    if (complete.dcnOnLastConv)
      throw new ConfigError('dcn_on_last_conv must be False: there is no deformable convolution', {
        code: 'unsupported',
      });
    this.numClasses = numClasses;
    this.#inChannels = inChannels;
    this.initCfg = complete.initCfg ?? DEFAULT_INIT;
    this.#generator = new MlvlPointGenerator({ strides });
    const coder = context.build<DistancePointBBoxCoder>('BBOX_CODERS', complete.bboxCoder, 'bbox_coder');
    if (!(coder instanceof DistancePointBBoxCoder))
      throw new ConfigError('bbox_coder must be a DistancePointBBoxCoder', { code: 'bad-type' });
    this.#coder = coder;
    this.#rules = {
      ranges: complete.regressRanges,
      strides,
      numClasses,
      centerRadius: complete.centerSampling ? complete.centerSampleRadius : null,
      isNormalised: complete.normOnBbox,
    };
    this.#testCfg = complete.testCfg ? readTestCfg(complete.testCfg) : null;
    this.#isCentralityOnReg = complete.centernessOnReg;
    this.#lossCls = context.build<Loss>('MODELS', complete.lossCls, 'loss_cls', {}, 'loss');
    this.#lossBbox = context.build<Loss>('MODELS', complete.lossBbox, 'loss_bbox', {}, 'loss');
    this.#lossCenterness = context.build<Loss>(
      'MODELS',
      complete.lossCenterness,
      'loss_centerness',
      {},
      'loss',
    );
    const tower = (): ModuleList<ConvModule> =>
      convTower(stackedConvs, inChannels, featChannels, { convCfg, normCfg, bias: complete.convBias });
    const last = (outChannels: number): Conv2d =>
      new Conv2d({ inChannels: featChannels, outChannels, kernelSize: 3, padding: 1 });
    this.#clsConvs = this.addModule('cls_convs', tower());
    this.#regConvs = this.addModule('reg_convs', tower());
    this.#cls = this.addModule('conv_cls', last(numClasses));
    this.#reg = this.addModule('conv_reg', last(4));
    this.#centerness = this.addModule('conv_centerness', last(1));
    this.#scales = this.addModule('scales', new ModuleList(strides.map(() => new Scale())));
  }

  forward(feats: readonly Tensor[]): FcosOutputs {
    const outputs = feats.map((x, level) => {
      checkInputChannels(this.#inChannels, x, 'bbox_head.in_channels');
      const [cls, reg] = [runTower(this.#clsConvs, x), runTower(this.#regConvs, x)];
      const raw = at(this.#scales.items, level).forward(this.#reg.forward(reg));
      const central = this.#centerness.forward(this.#isCentralityOnReg ? reg : cls);
      return { scores: this.#cls.forward(cls), boxes: this.#distances(raw, level), central };
    });
    return [
      outputs.map(({ scores }) => scores),
      outputs.map(({ boxes }) => boxes),
      outputs.map(({ central }) => central),
    ];
  }

  /** In strides they are clamped at 0 and, to be tested, told in px; else they are exponents. */
  #distances(raw: Tensor, level: number): Tensor {
    if (!this.#rules.isNormalised) return exp(raw);
    const clamped = relu(raw);
    return this.training ? clamped : mul(clamped, at(this.#rules.strides, level));
  }

  loss([clsScores, bboxPreds, centralities]: FcosOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    const images = batch.imgMetas.length;
    const levels = this.#generator.gridPriors(featureSizes(clsScores));
    const points = joined(levels.flatMap((level) => Array.from({ length: images }, () => level)));
    const n = points.length / 2;
    const all = (parts: readonly Tensor[], channels: number): Tensor =>
      concat(parts.map((part) => reshape(part, [-1, channels])));
    const targetsOf = once((b: typeof batch) => this.#targets(levels, b));
    const input = (
      pick: (targets: PointTargets) => HostValues,
      shape: readonly number[],
      dtype?: 'int32',
    ): Tensor => stepInput(batch, (b) => pick(targetsOf(b)), shape, dtype);
    const isObject =
      ({ labels }: PointTargets) =>
      (i: number): boolean =>
        at(labels, i) < this.numClasses;
    const centralityOf = once((t: PointTargets) => centerness(t.distances, isObject(t)));
    const sumOf = (values: Iterable<number>): number => {
      let total = 0;
      for (const value of values) total += value;
      return total;
    };
    const maskOf = (t: PointTargets): Float32Array =>
      Float32Array.from(t.labels, (_, i) => Number(isObject(t)(i)));
    const numPos = input((t) => Float32Array.of(Math.max(sumOf(maskOf(t)), 1)), []);
    const weightSum = input((t) => Float32Array.of(Math.max(sumOf(centralityOf(t)), 1e-6)), []);
    const central = input((t) => centralityOf(t), [n]);
    const lossCls = this.#lossCls.forward(
      all(clsScores, this.numClasses),
      input((t) => t.labels, [n], 'int32'),
      {
        avgFactor: numPos,
      },
    );
    const pointTensor = tensor(points, [n, 2]);
    const boxes = this.#coder.decodeTensor(pointTensor, all(bboxPreds, 4));
    const goal = input((t) => this.#coder.decode(points, t.distances), [n, 4]);
    const lossBbox = this.#lossBbox.forward(boxes, goal, { weight: central, avgFactor: weightSum });
    const lossCenterness = this.#lossCenterness.forward(all(centralities, 1), reshape(central, [n, 1]), {
      weight: input(maskOf, [n, 1]),
      avgFactor: numPos,
    });
    return new Map([
      ['loss_cls', lossCls],
      ['loss_bbox', lossBbox],
      ['loss_centerness', lossCenterness],
    ]);
  }

  async getBboxes(
    outputs: FcosOutputs,
    metas: readonly ImageMeta[],
    rescale: boolean,
  ): Promise<Detections[]> {
    const cfg = this.#testCfg;
    if (!cfg)
      throw new ConfigError('model.test_cfg must say how to pick boxes, but there is none', {
        code: 'no-test-cfg',
        path: 'model.test_cfg',
      });
    const [clsScores, bboxPreds, centralities] = outputs;
    const levels = this.#generator.gridPriors(featureSizes(clsScores));
    const activated = tidy(() => [...clsScores, ...centralities].map((level) => sigmoid(level)));
    const values = await Promise.all([...activated, ...bboxPreds].map(readFloat32));
    dispose(activated);
    const of = (kind: number, level: number): Float32Array => at(values, kind * levels.length + level);
    return metas.map((meta, b) =>
      selectDetections(
        levels.map((points, i) => {
          const n = points.length / 2;
          const part = (kind: number, width: number): Float32Array =>
            of(kind, i).subarray(b * n * width, (b + 1) * n * width);
          // A point stands for a box without a size.
          const anchors = Float32Array.from({ length: n * 4 }, (_, k) => at(points, (k >> 2) * 2 + (k & 1)));
          return { anchors, scores: part(0, this.numClasses), factors: part(1, 1), deltas: part(2, 4) };
        }),
        {
          numClasses: this.numClasses,
          decode: (anchors, distances, shape) =>
            this.#coder.decode(
              anchors.filter((_, k) => (k & 3) < 2),
              distances,
              shape,
            ),
          meta,
          cfg,
          rescale,
        },
      ),
    );
  }

  /** Of all points: level by level, in each picture by picture. */
  #targets(levels: readonly Float32Array[], batch: Omit<TrainBatch, 'img'>): PointTargets {
    const pictures = batch.imgMetas.map((_, b) =>
      pointTargets(levels, at(batch.gtBboxes, b), at(batch.gtLabels, b), this.#rules),
    );
    const ordered = levels.flatMap((_, i) => pictures.map((picture) => at(picture, i)));
    const labels = new Int32Array(ordered.reduce((sum, { labels: part }) => sum + part.length, 0));
    let place = 0;
    for (const { labels: part } of ordered) {
      labels.set(part, place);
      place += part.length;
    }
    return { labels, distances: joined(ordered.map(({ distances }) => distances)) };
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

async function readFloat32(source: Tensor): Promise<Float32Array> {
  const values = await read(source);
  invariant(values instanceof Float32Array, 'predictions are float32');
  return values;
}

MODELS.registerModule()(FCOSHead);
