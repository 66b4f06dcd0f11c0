// Runs coco_eval.json: COCOeval's numbers, CocoDataset.evaluate, VOC mAP and proposal recalls.

import { ConfigError } from '../../src/errors/trainerError.ts';
import type { BoxRows } from '../../src/evaluation/boxOverlaps.ts';
import {
  cocoDatasetEvaluate,
  evalRecalls,
  evaluateCocoBbox,
  vocEvalMap,
  type CocoDatasetEvaluateOptions,
  type CocoDetection,
  type CocoGroundTruth,
  type VocMapOptions,
} from '../../src/evaluation/index.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Absolute, on numbers in [-1, 1]. NumPy sums pairwise, we in order: about 1e-16 a term. */
const TOLERANCE = 1e-9;

export const suite: ParitySuite = {
  files: ['coco_eval.json'],
  run: (fixture, file) => runCases(fixture, file, runCase),
};

function runCase(one: FixtureCase): ParityOutcome {
  switch (one.kind) {
    case 'coco':
      return coco(one);
    case 'mmdet_coco_evaluate':
      return mmdetEvaluate(one);
    case 'voc_eval_map':
      return vocMap(one);
    case 'eval_recalls':
      return recalls(one);
    default:
      return failed(`unknown kind ${String(one.kind)}`);
  }
}

type PerClass = Record<string, { AP: number; AP50: number; AR: number }>;

function coco(one: FixtureCase): ParityOutcome {
  const { useCats = 1, maxDets } = one.params as { useCats?: number; maxDets?: number[] };
  const result = evaluateCocoBbox(one.gt as CocoGroundTruth, one.dt as CocoDetection[], {
    useCats: useCats === 1,
    maxDets,
  });
  const wanted = decodeValue(one.per_class) as PerClass;
  const got: PerClass = {};
  for (const { categoryId, ap, ap50, ar } of result.perClass)
    got[String(categoryId)] = { AP: ap, AP50: ap50, AR: ar };
  return (
    diffNumbers('stats', result.stats, decodeValue(one.stats), TOLERANCE) ??
    diffNumbers('per_class', got, wanted, TOLERANCE) ??
    passed
  );
}

function mmdetEvaluate(one: FixtureCase): ParityOutcome {
  const kwargs = decodeValue(one.evaluate_kwargs) as {
    metric: string;
    classwise?: boolean;
    proposal_nums?: number[];
    iou_thrs?: number[];
    metric_items?: string[];
  };
  const gt = one.gt as CocoGroundTruth;
  const imageIds = one.img_ids as number[];
  const categoryIds = gt.categories.map((category) => category.id);
  const rows = (imageId: number, categoryId?: number): Float32Array =>
    Float32Array.from(
      (one.dt as CocoDetection[])
        .filter((d) => d.image_id === imageId && (categoryId === undefined || d.category_id === categoryId))
        .flatMap(({ bbox: [x = NaN, y = NaN, w = NaN, h = NaN], score }) => [x, y, x + w, y + h, score]),
    );
  // MMDetection's proposal metrics take class-less boxes.
  const results = kwargs.metric.startsWith('proposal')
    ? imageIds.map((id) => rows(id))
    : imageIds.map((id) => categoryIds.map((category) => rows(id, category)));
  const options: CocoDatasetEvaluateOptions = {
    metric: kwargs.metric,
    classwise: kwargs.classwise,
    proposalNums: kwargs.proposal_nums,
    iouThrs: kwargs.iou_thrs,
    metricItems: kwargs.metric_items,
  };
  try {
    const { metrics } = cocoDatasetEvaluate({ gt, imageIds, categoryIds, results }, options);
    if (one.error) return failed(`must raise ${JSON.stringify(one.error)}`);
    return diffNumbers('metrics', Object.entries(metrics), one.out, TOLERANCE) ?? passed;
  } catch (error) {
    if (one.error && error instanceof ConfigError && error.code.startsWith('unknown-metric')) return passed;
    throw error;
  }
}

function vocMap(one: FixtureCase): ParityOutcome {
  const annotations = (
    one.gt_per_image as {
      bboxes: number[][];
      labels: number[];
      bboxes_ignore: number[][];
      labels_ignore: number[];
    }[]
  ).map((image) => ({
    bboxes: Float32Array.from(image.bboxes.flat()),
    labels: image.labels,
    bboxesIgnore: Float32Array.from(image.bboxes_ignore.flat()),
    labelsIgnore: image.labels_ignore,
  }));
  const results = (one.dt_per_image_per_class as number[][][][]).map((image) =>
    image.map((rows) => Float32Array.from(rows.flat())),
  );
  const { meanAp, perClass } = vocEvalMap(results, annotations, {
    iouThr: one.iou_thr as number,
    mode: one.mode as VocMapOptions['mode'],
    useLegacyCoordinate: one.use_legacy_coordinate as boolean,
  });
  const got = perClass.map(({ numGts, numDets, ap, recall }) => ({
    num_gts: numGts,
    num_dets: numDets,
    ap,
    recall_last: recall.length === 0 ? null : recall[recall.length - 1],
  }));
  return (
    diffNumbers('per_class', got, one.per_class, TOLERANCE) ??
    diffNumbers('mAP', meanAp, one.mAP, TOLERANCE) ??
    passed
  );
}

function recalls(one: FixtureCase): ParityOutcome {
  const gts = (one.gt_per_image as number[][][]).map((rows): BoxRows => ({
    data: Float32Array.from(rows.flat()),
    stride: 4,
  }));
  const proposals = (one.proposals_per_image as number[][][]).map((rows): BoxRows => ({
    data: Float32Array.from(rows.flat()),
    stride: 5,
  }));
  const got = evalRecalls(gts, proposals, {
    proposalNums: one.proposal_nums as number[],
    iouThrs: one.iou_thrs as number[],
  });
  return diffNumbers('recalls', got, decodeValue(one.recalls), TOLERANCE) ?? passed;
}
