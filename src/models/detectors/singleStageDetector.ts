// Detectors of one stage: backbone, neck, dense head. Source: mmdet 2.28.2 `models/detectors/single_stage.py`.

import { dispose, type Tensor } from '../../gpu/index.ts';
import { copySources } from '../../lang/sourceMap.ts';
import { initCfgArg } from '../../nn/index.ts';
import {
  assertDict,
  built,
  declareArgs,
  MODELS,
  optional,
  orNone,
  required,
  str,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import type { Backbone } from '../backbones/resnet.ts';
import { TRAIN_CFG } from '../denseHeads/anchorHead.ts';
import type { DenseHead, Losses } from '../denseHeads/denseHead.ts';
import { TEST_CFG } from '../denseHeads/postProcess.ts';
import type { Neck } from '../necks/fpn.ts';
import type { ImageBatch, TrainBatch } from './batch.ts';
import { BaseDetector, toBboxResult, type BboxResult } from './baseDetector.ts';

const SINGLE_STAGE_ARGS = declareArgs({
  backbone: required(built('MODELS', [], { part: 'backbone' }), 'What makes feature maps of the picture.'),
  neck: optional(orNone(built('MODELS', [], { part: 'neck' })), null, 'What makes levels of them.'),
  bbox_head: required(built('MODELS', [], { part: 'head' }), 'What finds boxes in each level.'),
  train_cfg: optional(orNone(TRAIN_CFG), null, 'How the head assigns ground truth.'),
  test_cfg: optional(orNone(TEST_CFG), null, 'How the head picks boxes.'),
  pretrained: optional(orNone(str), null, "Deprecated: the backbone's checkpoint."),
  init_cfg: initCfgArg,
});

export class SingleStageDetector extends BaseDetector {
  static readonly args = SINGLE_STAGE_ARGS;
  override readonly className: string = 'SingleStageDetector';
  readonly backbone: Backbone;
  readonly neck: Neck | null;
  readonly bboxHead: DenseHead;
  /** How many tensors the head gives of each kind. */
  #levels: readonly number[] = [];

  constructor(args: ArgsOf<typeof SINGLE_STAGE_ARGS>, context: BuildContext) {
    super();
    const { pretrained, neck, trainCfg, testCfg, initCfg } = withDefaults(SINGLE_STAGE_ARGS, args);
    this.initCfg = initCfg;
    const backboneCfg =
      pretrained === null
        ? args.backbone
        : withKeys(args.backbone, { pretrained }, `${context.path}.backbone`);
    this.backbone = this.addModule(
      'backbone',
      context.build<Backbone>('MODELS', backboneCfg, 'backbone', {}, 'backbone'),
    );
    this.neck =
      neck === null
        ? null
        : this.addModule(this.partNames.neck, context.build<Neck>('MODELS', neck, 'neck', {}, 'neck'));
    // The detector's settings win over those inside the head, as in MMDetection.
    const headCfg = withKeys(
      args.bboxHead,
      { train_cfg: trainCfg, test_cfg: testCfg },
      `${context.path}.bbox_head`,
    );
    this.bboxHead = this.addModule(
      this.partNames.head,
      context.build<DenseHead>('MODELS', headCfg, 'bbox_head', {}, 'head'),
    );
  }

  /** What neck and head are called in a state dict. */
  protected get partNames(): { readonly neck: string; readonly head: string } {
    return { neck: 'neck', head: 'bbox_head' };
  }

  /** Backbone and neck. @param img float32 [B, H, W, C]; borrowed @returns new tensors, one per level */
  extractFeat(img: Tensor): Tensor[] {
    const features = this.backbone.forward(img);
    return this.neck ? this.neck.forward(features) : features;
  }

  override async simpleTest(batch: ImageBatch, { rescale }: { rescale: boolean }): Promise<BboxResult[]> {
    const owned = await this.runForward(batch);
    let at = 0;
    const outputs = this.#levels.map((n) => owned.slice(at, (at += n)));
    try {
      const detections = await this.bboxHead.getBboxes(outputs, batch.imgMetas, rescale);
      return detections.map((found) => toBboxResult(found, this.bboxHead.numClasses));
    } finally {
      dispose(owned);
    }
  }

  /** All that the head predicts, one after another. */
  protected override forwardTest(img: Tensor): Tensor[] {
    const outputs = this.bboxHead.forward(this.extractFeat(img));
    this.#levels = outputs.map((levels) => levels.length);
    return outputs.flat();
  }

  protected override forwardTrain(img: Tensor, batch: TrainBatch): Losses {
    return this.bboxHead.loss(this.bboxHead.forward(this.extractFeat(img)), batch);
  }
}

function withKeys(cfg: unknown, keys: Record<string, unknown>, path: string): unknown {
  assertDict(cfg, path);
  const copy = { ...cfg, ...keys };
  // Messages about the head still point to where it was written.
  copySources(cfg, copy);
  return copy;
}

MODELS.registerModule()(SingleStageDetector);
