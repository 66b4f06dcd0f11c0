// Detectors of one stage: backbone, neck, dense head. Source: mmdet 2.28.2 `models/detectors/single_stage.py`.

import { dispose, type Tensor } from '../../gpu/index.ts';
import { copySources } from '../../lang/sourceMap.ts';
import { assertDict, MODELS, type ArgSpec, type BuildContext } from '../../registry/index.ts';
import type { Backbone } from '../backbones/resnet.ts';
import type { DenseHead, Losses } from '../denseHeads/denseHead.ts';
import type { Neck } from '../necks/fpn.ts';
import type { ImageBatch, TrainBatch } from './batch.ts';
import { BaseDetector, toBboxResult, type BboxResult } from './baseDetector.ts';

export interface SingleStageDetectorArgs {
  backbone: unknown;
  neck?: unknown;
  bboxHead: unknown;
  trainCfg?: unknown;
  testCfg?: unknown;
  /** Deprecated: the backbone's checkpoint. */
  pretrained?: string | null;
  initCfg?: unknown;
}

export class SingleStageDetector extends BaseDetector {
  static readonly args: ArgSpec = {
    required: ['backbone', 'bbox_head'],
    optional: ['neck', 'train_cfg', 'test_cfg', 'pretrained', 'init_cfg'],
  };
  override readonly className: string = 'SingleStageDetector';
  readonly backbone: Backbone;
  readonly neck: Neck | null;
  readonly bboxHead: DenseHead;

  constructor(args: SingleStageDetectorArgs, context: BuildContext) {
    super();
    this.initCfg = args.initCfg ?? null;
    const { pretrained = null, neck = null, trainCfg = null, testCfg = null } = args;
    const backboneCfg =
      pretrained === null
        ? args.backbone
        : withKeys(args.backbone, { pretrained }, `${context.path}.backbone`);
    this.backbone = this.addModule('backbone', context.build<Backbone>('MODELS', backboneCfg, 'backbone'));
    this.neck = neck === null ? null : this.addModule('neck', context.build<Neck>('MODELS', neck, 'neck'));
    // The detector's settings win over those inside the head, as in MMDetection.
    const headCfg = withKeys(
      args.bboxHead,
      { train_cfg: trainCfg, test_cfg: testCfg },
      `${context.path}.bbox_head`,
    );
    this.bboxHead = this.addModule('bbox_head', context.build<DenseHead>('MODELS', headCfg, 'bbox_head'));
  }

  /** Backbone and neck. @param img float32 [B, H, W, C]; borrowed @returns new tensors, one per level */
  extractFeat(img: Tensor): Tensor[] {
    const features = this.backbone.forward(img);
    return this.neck ? this.neck.forward(features) : features;
  }

  override async simpleTest(batch: ImageBatch, { rescale }: { rescale: boolean }): Promise<BboxResult[]> {
    const owned = await this.runForward(batch);
    const levels = owned.length / 2;
    const outputs = { clsScores: owned.slice(0, levels), bboxPreds: owned.slice(levels) };
    try {
      const detections = await this.bboxHead.getBboxes(outputs, batch.imgMetas, rescale);
      return detections.map((found) => toBboxResult(found, this.bboxHead.numClasses));
    } finally {
      dispose(owned);
    }
  }

  /** Scores of all levels, then boxes of all levels. */
  protected override forwardTest(img: Tensor): Tensor[] {
    const { clsScores, bboxPreds } = this.bboxHead.forward(this.extractFeat(img));
    return [...clsScores, ...bboxPreds];
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
