// ATSS's head. Source: Zhang et al., "Bridging the Gap Between Anchor-based and Anchor-free Detection via Adaptive Training
// Sample Selection", 2020; mmdet 2.28.2 `models/dense_heads/atss_head.py`.

import { div, reshape, sigmoid, stepInput, tensor, type Tensor } from '../../gpu/index.ts';
import { Conv2d, convCfgArg, NORM_CFG, ModuleList, Scale, type ConvModule } from '../../nn/index.ts';
import {
  atLeast,
  built,
  declareArgs,
  flag,
  int,
  MODELS,
  oneOf,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import '../bbox/atssAssigner.ts';
import { centersOf, DistancePointBBoxCoder } from '../bbox/distancePointBBoxCoder.ts';
import type { TrainBatch } from '../detectors/batch.ts';
import type { Loss } from '../losses/reduction.ts';
import { ANCHOR_HEAD_ARGS, AnchorHead, featureSizes, repeated, type AnchorOutputs } from './anchorHead.ts';
import { centerness } from './centerness.ts';
import { convTower, runTower } from './convTower.ts';
import type { Losses } from './denseHead.ts';

const ATSS_HEAD_ARGS = declareArgs({
  ...ANCHOR_HEAD_ARGS.table,
  stacked_convs: optional(
    atLeast(int, 0),
    4,
    'Convolutions before the last one, in each of the two branches.',
  ),
  pred_kernel_size: optional(oneOf(1, 3), 3, 'Kernel of the last convolutions.', 'px'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(
    orNone(NORM_CFG),
    { type: 'GN', num_groups: 32, requires_grad: true },
    'The norm behind each convolution; None: none.',
  ),
  reg_decoded_bbox: optional(flag, true, 'Whether targets are boxes; else their offsets from anchors.'),
  loss_centerness: optional(
    built('MODELS', [], { part: 'loss' }),
    { type: 'CrossEntropyLoss', use_sigmoid: true, loss_weight: 1 },
    'The loss of how central a cell is.',
  ),
});

const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'atss_cls', std: 0.01, bias_prob: 0.01 },
};

/** Two branches shared by all levels; the one of the boxes also says how central a cell is in its object. */
export class ATSSHead extends AnchorHead {
  static readonly args = ATSS_HEAD_ARGS;
  override readonly className = 'ATSSHead';
  readonly #clsConvs: ModuleList<ConvModule>;
  readonly #regConvs: ModuleList<ConvModule>;
  readonly #cls: Conv2d;
  readonly #reg: Conv2d;
  readonly #centerness: Conv2d;
  readonly #scales: ModuleList<Scale>;
  readonly #lossCenterness: Loss;

  constructor(args: ArgsOf<typeof ATSS_HEAD_ARGS>, context: BuildContext) {
    const complete = withDefaults(ATSS_HEAD_ARGS, args);
    super({ ...complete, initCfg: complete.initCfg ?? DEFAULT_INIT }, context);
    const { inChannels, featChannels, stackedConvs, convCfg, normCfg, predKernelSize } = complete;
    const tower = (): ModuleList<ConvModule> =>
      convTower(stackedConvs, inChannels, featChannels, { convCfg, normCfg });
    const last = (outChannels: number): Conv2d =>
      new Conv2d({
        inChannels: featChannels,
        outChannels,
        kernelSize: predKernelSize,
        padding: (predKernelSize - 1) / 2,
      });
    this.#clsConvs = this.addModule('cls_convs', tower());
    this.#regConvs = this.addModule('reg_convs', tower());
    this.#cls = this.addModule('atss_cls', last(this.numBasePriors * this.clsOutChannels));
    this.#reg = this.addModule('atss_reg', last(this.numBasePriors * 4));
    this.#centerness = this.addModule('atss_centerness', last(this.numBasePriors));
    this.#scales = this.addModule('scales', new ModuleList(this.generator.strides.map(() => new Scale())));
    this.#lossCenterness = context.build<Loss>(
      'MODELS',
      complete.lossCenterness,
      'loss_centerness',
      {},
      'loss',
    );
  }

  protected override forwardSingle(x: Tensor, level: number): readonly [Tensor, Tensor, Tensor] {
    const reg = runTower(this.#regConvs, x);
    const boxes = at(this.#scales.items, level).forward(this.#reg.forward(reg));
    return [this.#cls.forward(runTower(this.#clsConvs, x)), boxes, this.#centerness.forward(reg)];
  }

  override loss([clsScores, bboxPreds, centralities]: AnchorOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    const sizes = featureSizes(clsScores);
    const images = batch.imgMetas.length;
    const targets = this.stepTargets(sizes, batch);
    const avgFactor = targets.numTotalSamples;
    const points = new DistancePointBBoxCoder();
    const pyramid = this.anchors(sizes).map((anchors) => repeated(anchors, images));
    /** Of one level's targets. */
    const centralityOf = (
      i: number,
      { labels, bboxTargets }: { labels: Int32Array; bboxTargets: Float32Array },
    ) =>
      centerness(
        points.encode(centersOf(at(pyramid, i)), bboxTargets),
        (k) => at(labels, k) < this.numClasses,
      );
    // The weights of all boxes: at least 1.
    const divisor = stepInput(
      batch,
      (b) => {
        let total = 0;
        for (const [i, level] of targets.of(b).levels.entries())
          for (const value of centralityOf(i, level)) total += value;
        return Float32Array.of(Math.max(total, 1));
      },
      [],
    );
    const losses: Record<'cls' | 'bbox' | 'centerness', Tensor[]> = { cls: [], bbox: [], centerness: [] };
    for (const [i, anchors] of pyramid.entries()) {
      const n = anchors.length / 4;
      const scores = reshape(at(clsScores, i), [n, this.clsOutChannels]);
      const labels = targets.level(i, (t) => t.labels, [n], 'int32');
      const labelWeights = targets.level(i, (t) => t.labelWeights, [n]);
      losses.cls.push(this.lossCls.forward(scores, labels, { weight: labelWeights, avgFactor }));
      const boxes = this.coder.decodeTensor(tensor(anchors, [n, 4]), reshape(at(bboxPreds, i), [n, 4]));
      const goal = targets.level(i, (t) => t.bboxTargets, [n, 4]);
      const central = targets.level(i, (t) => centralityOf(i, t), [n]);
      losses.bbox.push(div(this.lossBbox.forward(boxes, goal, { weight: central, avgFactor: 1 }), divisor));
      const isObject = targets.level(
        i,
        (t) => Float32Array.from(t.labels, (label) => Number(label < this.numClasses)),
        [n],
      );
      const predicted = reshape(at(centralities ?? [], i), [n, 1]);
      losses.centerness.push(
        this.#lossCenterness.forward(predicted, reshape(central, [n, 1]), {
          weight: reshape(isObject, [n, 1]),
          avgFactor,
        }),
      );
    }
    return new Map(Object.entries(losses).map(([name, levels]) => [`loss_${name}`, levels]));
  }

  protected override factors([, , centralities = []]: AnchorOutputs): Tensor[] {
    return centralities.map((level) => sigmoid(level));
  }
}

MODELS.registerModule()(ATSSHead);
