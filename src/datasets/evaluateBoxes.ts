// What the `evaluate` of every built-in dataset does.

import { ConfigError } from '../errors/trainerError.ts';
import type { BboxResult } from '../evaluation/bboxResult.ts';
import { checkCocoMetrics, cocoDatasetEvaluate } from '../evaluation/cocoDatasetEvaluate.ts';
import { vocDatasetEvaluate } from '../evaluation/vocDatasetEvaluate.ts';
import { metricNamesOf } from '../evaluation/metricNames.ts';
import type { VocAnnotation } from '../evaluation/vocMap.ts';
import { plainTruth } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import {
  absent,
  atLeast,
  declareArgs,
  either,
  flag,
  int,
  listOf,
  number,
  oneOrMore,
  optional,
  orNone,
  pairOf,
  str,
  worded,
} from '../registry/index.ts';
import type { Dataset, EvaluateOptions, Metrics } from './dataset.ts';

/** What `evaluate` of MMDetection's COCO and VOC datasets takes. */
export const EVALUATE_ARGS = declareArgs({
  metric: absent(
    worded(oneOrMore(str), 'a name or a list of names'),
    "What is measured: 'bbox', 'proposal', 'proposal_fast', 'mAP' or 'recall'.",
  ),
  jsonfile_prefix: absent(orNone(str), 'Changes nothing: no file is written.'),
  classwise: optional(flag, false, 'Whether the AP of each class is told.'),
  proposal_nums: absent(
    listOf(atLeast(int, 1)),
    'How many boxes of a picture are looked at for recall.',
    'boxes',
  ),
  iou_thrs: absent(orNone(listOf(number)), "Overlaps at which COCO's metrics are taken."),
  iou_thr: absent(orNone(either(number, listOf(number))), "Overlaps at which VOC's metrics are taken."),
  metric_items: absent(orNone(oneOrMore(str)), "Which of COCO's numbers are told."),
  scale_ranges: absent(
    orNone(listOf(pairOf(number))),
    "Sizes of boxes that VOC's metrics are taken for one by one.",
    'px',
  ),
});

const VOC_METRICS = ['mAP', 'recall'];

/** How a format is evaluated unless it is told otherwise. */
export interface EvaluationStyle {
  readonly metric: string;
  /** 2007 takes VOC's 11 points, others the area. */
  readonly year?: number;
}

/** What of a dataset an evaluation looks at. */
export type EvaluatedDataset = Pick<Dataset, 'CLASSES' | 'length' | 'getAnnInfo' | 'evaluationGroundTruth'>;

/**
 * Score detections with COCO's or VOC's metrics; `metric` decides which.
 * @param results one per picture, in the dataset's order
 * @param options keys in camelCase: `metric`, `classwise`, `proposalNums`, `iouThrs`, `iouThr`, `metricItems`
 * @throws ConfigError `unknown-metric`, `unknown-metric-item`, `bad-value`
 */
export function evaluateBoxes(
  dataset: EvaluatedDataset,
  results: readonly BboxResult[],
  { logger, ...options }: EvaluateOptions,
  style: EvaluationStyle = { metric: 'bbox' },
): Metrics {
  const metric = namesOf(options.metric ?? style.metric, 'metric');
  if (isVoc(metric)) {
    const annotations = Array.from({ length: dataset.length }, (_, i): VocAnnotation => {
      const { bboxes, labels, bboxes_ignore: bboxesIgnore } = dataset.getAnnInfo(i);
      return { bboxes, labels, bboxesIgnore };
    });
    const input = { annotations, results, classNames: dataset.CLASSES, year: style.year };
    const { metrics, log } = vocDatasetEvaluate(input, { ...options, metric });
    for (const line of log) logger?.info(line);
    return metrics;
  }
  const gt = dataset.evaluationGroundTruth();
  const imageIds = gt.images.map((image) => image.id);
  const categoryIds = gt.categories.map((category) => category.id);
  const input = { gt, imageIds, categoryIds, results };
  const { metrics, classMetrics, log, coco } = cocoDatasetEvaluate(input, { ...options, metric });
  for (const line of log) logger?.info(line);
  if (coco) {
    const scores = new Map(coco.perClass.map((one) => [one.categoryId, one]));
    logger?.classScores?.(
      gt.categories.map(({ id, name }) => {
        const { ap = NaN, ap50 = NaN } = scores.get(id) ?? {};
        return { name, ap, ap50 };
      }),
    );
  }
  return { ...metrics, ...classMetrics };
}

/**
 * Check what an evaluation is asked for before there is anything to evaluate.
 * @param kwargs of `evaluate`, by their config names
 * @throws ConfigError `unknown-metric`, `unknown-metric-item`, `bad-value`
 */
export function checkMetrics({ metric, metric_items: items }: Readonly<Record<string, unknown>>): void {
  const names = namesOf(metric ?? 'bbox', 'metric');
  if (!isVoc(names)) checkCocoMetrics(names, items == null ? [] : namesOf(items, 'metric_items'));
}

/**
 * Name the metrics that an evaluation will give.
 * @param kwargs of `evaluate`, by their config names, as {@link checkMetrics} lets them pass
 * @param classNames in class order; null where they are not known yet
 * @returns null where the names depend on classes that are not known
 */
export function metricNames(
  kwargs: Readonly<Record<string, unknown>>,
  classNames: readonly string[] | null,
  style: EvaluationStyle = { metric: 'bbox' },
): string[] | null {
  const classwise = plainTruth(kwargs.classwise);
  if (classwise && classNames === null) return null;
  const numbersOf = (value: unknown, otherwise: readonly number[]): readonly number[] =>
    value == null ? otherwise : [value].flat().filter((one): one is number => typeof one === 'number');
  return metricNamesOf({
    metrics: namesOf(kwargs.metric ?? style.metric, 'metric'),
    classwise,
    proposalNums: numbersOf(kwargs.proposal_nums, [100, 300, 1000]),
    iouThrs: numbersOf(kwargs.iou_thr, [0.5]),
    metricItems: kwargs.metric_items == null ? null : namesOf(kwargs.metric_items, 'metric_items'),
    classNames: classNames ?? [],
  });
}

function isVoc(names: readonly string[]): boolean {
  return names.length === 1 && VOC_METRICS.includes(names[0] ?? '');
}

function namesOf(value: unknown, key: string): string[] {
  const names: unknown[] = [value].flat();
  if (names.every((name) => typeof name === 'string')) return names;
  throw new ConfigError(`evaluation.${key} must be a name or a list of names, but got ${plainRepr(value)}`, {
    code: 'bad-value',
    path: `evaluation.${key}`,
  });
}
