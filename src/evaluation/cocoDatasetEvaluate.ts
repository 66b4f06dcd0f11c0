// MMDetection's CocoDataset.evaluate: which metrics run, and the keys they report.

import { at, take } from '../util/at.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { proposalsToCocoDetections, resultsToCocoDetections, type BboxResult } from './bboxResult.ts';
import type { BoxRows } from './boxOverlaps.ts';
import { cocoSummaryLines, evaluateCocoBbox, type CocoEvalResult } from './cocoEval.ts';
import { linspace, type CocoGroundTruth, type ImageId } from './cocoTypes.ts';
import { asciiTable, pyFixed, pyRound } from './pyFormat.ts';
import { evalRecalls } from './recalls.ts';

/** Place of each item in COCOeval's twelve numbers. */
const ITEM_INDEX: Readonly<Record<string, number>> = {
  mAP: 0,
  mAP_50: 1,
  mAP_75: 2,
  mAP_s: 3,
  mAP_m: 4,
  mAP_l: 5,
  'AR@100': 6,
  'AR@300': 7,
  'AR@1000': 8,
  'AR_s@1000': 9,
  'AR_m@1000': 10,
  'AR_l@1000': 11,
};
const BBOX_ITEMS = ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l'];
const PROPOSAL_ITEMS = ['AR@100', 'AR@300', 'AR@1000', 'AR_s@1000', 'AR_m@1000', 'AR_l@1000'];

export interface CocoDatasetEvaluateInput {
  readonly gt: CocoGroundTruth;
  /** In the order of `results`. */
  readonly imageIds: readonly ImageId[];
  /** COCO category id of each class, in class order. */
  readonly categoryIds: readonly number[];
  /** Per image: boxes per class, or class-less proposals float32 [N, 5]. */
  readonly results: readonly (BboxResult | Float32Array)[];
}

export interface CocoDatasetEvaluateOptions {
  /** `bbox`, `proposal`, `proposal_fast` or several of them. Default `bbox`. */
  readonly metric?: string | readonly string[];
  /** Also log AP per class. Default false. */
  readonly classwise?: boolean;
  /** maxDets of the evaluation. Default [100, 300, 1000]. */
  readonly proposalNums?: readonly number[];
  /** Default 0.50:0.05:0.95. When given, mAP_50 and mAP_75 are -1, as in MMDetection. */
  readonly iouThrs?: readonly number[] | null;
  /** Which items to report. Default: the six mAP, or the six AR. */
  readonly metricItems?: string | readonly string[] | null;
}

export interface DatasetEvaluation {
  /** Metric -> value in report order; empty when there was no detection at all. */
  readonly metrics: Readonly<Record<string, number | string>>;
  /** With `classwise`, AP by {@link classMetricNames}: MMDetection 2.x prints these and returns none of them. */
  readonly classMetrics?: Readonly<Record<string, number>>;
  /** What MMDetection logs on the way. */
  readonly log: readonly string[];
  /** COCO's numbers of the last bbox-like metric, per-class ones included; undefined when none ran. */
  readonly coco?: CocoEvalResult;
}

/**
 * Evaluate results as MMDetection's COCO dataset does.
 * @throws ConfigError `unknown-metric`, `unknown-metric-item`
 * Source: mmdet 2.28.2 `CocoDataset.evaluate`.
 * Differs: the class table names every class right even when category ids don't ascend.
 * @example cocoDatasetEvaluate({ gt, imageIds, categoryIds, results }).metrics.bbox_mAP // 0.2253
 */
export function cocoDatasetEvaluate(
  input: CocoDatasetEvaluateInput,
  options: CocoDatasetEvaluateOptions = {},
): DatasetEvaluation {
  const { metric = 'bbox', classwise = false, proposalNums = [100, 300, 1000] } = options;
  const names = typeof metric === 'string' ? [metric] : metric;
  for (const name of names) checkMetric(name);
  const iouThrs = options.iouThrs ?? linspace(0.5, 0.95, 10);
  let items = options.metricItems == null ? undefined : [options.metricItems].flat();
  const metrics: Record<string, number | string> = {};
  const byClass: Record<string, number> = {};
  const log: string[] = [];
  let coco: CocoEvalResult | undefined;

  for (const name of names) {
    log.push(`\nEvaluating ${name}...`);
    if (name === 'proposal_fast') {
      const recalls = fastRecall(input, proposalNums, iouThrs);
      proposalNums.forEach((num, i) => (metrics[`AR@${num}`] = at(recalls, i)));
      log.push(proposalNums.map((num, i) => `\nAR@${num}\t${pyFixed(at(recalls, i), 4)}`).join(''));
      continue;
    }
    const detections = toDetections(input);
    if (detections.length === 0) {
      log.push('The testing results of the whole dataset is empty.');
      break;
    }
    for (const item of items ?? []) checkItem(item);
    coco = evaluateCocoBbox(input.gt, detections, {
      imageIds: input.imageIds,
      categoryIds: input.categoryIds,
      iouThrs,
      maxDets: proposalNums,
      useCats: name !== 'proposal',
    });
    const stats = [...coco.stats];
    // COCOeval looks thresholds up by comparing an array; a config's list never compares equal, so MMDetection
    // reports -1 for these two whenever iou_thrs is given.
    if (options.iouThrs) stats[1] = stats[2] = -1;
    log.push(`\n${cocoSummaryLines({ ...coco, stats }).join('\n')}`);
    if (name === 'proposal') {
      items ??= PROPOSAL_ITEMS;
      for (const item of items) metrics[item] = pyRound(statOf(stats, item), 3);
      continue;
    }
    if (classwise) log.push(`\n${classTable(input, coco)}`);
    // MMDetection keeps the chosen items for the metrics that follow; so do we.
    items ??= BBOX_ITEMS;
    for (const item of items) metrics[`${name}_${item}`] = pyRound(statOf(stats, item), 4);
    metrics[`${name}_mAP_copypaste`] = stats
      .slice(0, 6)
      .map((value) => pyFixed(value, 4))
      .join(' ');
    if (classwise) Object.assign(byClass, classMetrics(input, coco, name));
  }
  return { metrics, classMetrics: byClass, log, coco };
}

/** @param item one that {@link checkItem} let pass */
function statOf(stats: readonly number[], item: string): number {
  return at(stats, ITEM_INDEX[item] ?? -1);
}

/** The names of the numbers that {@link cocoDatasetEvaluate} gives where something was detected. */
export function cocoMetricNames(request: {
  readonly metrics: readonly string[];
  readonly classwise: boolean;
  readonly proposalNums: readonly number[];
  readonly metricItems: readonly string[] | null;
  readonly classNames: readonly string[];
}): string[] {
  const names: string[] = [];
  let items = request.metricItems;
  for (const metric of request.metrics) {
    if (metric === 'proposal_fast') names.push(...request.proposalNums.map((num) => `AR@${num}`));
    else if (metric === 'proposal') names.push(...(items ??= PROPOSAL_ITEMS));
    else {
      names.push(...(items ??= BBOX_ITEMS).map((item) => `${metric}_${item}`));
      if (request.classwise) names.push(...classMetricNames(request.classNames, metric));
    }
  }
  return names;
}

/**
 * The metric of each class. Loggers and file names take part in it: anything but letters, digits, `.` and `-` becomes
 * `_`, and names that are the same then are numbered.
 * Source: mmdet 3.x `CocoMetric` (`{name}_precision`); MMCV infers from the word that more is better.
 * @example classMetricNames(['cat', 'traffic light']) // ['bbox_cat_precision', 'bbox_traffic_light_precision']
 */
export function classMetricNames(classNames: readonly string[], metric = 'bbox'): string[] {
  const taken = new Set<string>();
  return classNames.map((className) => {
    const plain = className.normalize('NFC').replace(/[^\p{L}\p{M}\p{N}.-]+/gu, '_');
    let name = `${metric}_${plain}_precision`;
    for (let n = 2; taken.has(name); n++) name = `${metric}_${plain}_${n}_precision`;
    taken.add(name);
    return name;
  });
}

/** AP of each class, rounded as in the table; -1 for a class without boxes, as COCO's numbers have it. */
function classMetrics(
  { gt, categoryIds }: CocoDatasetEvaluateInput,
  coco: CocoEvalResult,
  metric: string,
): Record<string, number> {
  const classNames = new Map(gt.categories.map(({ id, name }) => [id, name]));
  const apOf = new Map(coco.perClass.map(({ categoryId, ap }) => [categoryId, ap]));
  const names = classMetricNames(
    categoryIds.map((id) => classNames.get(id) ?? String(id)),
    metric,
  );
  return Object.fromEntries(
    categoryIds.map((id, k) => {
      const ap = apOf.get(id) ?? NaN;
      return [names[k] ?? '', Number.isNaN(ap) ? -1 : pyRound(ap, 3)];
    }),
  );
}

/**
 * Check the names that an evaluation is asked for.
 * @throws ConfigError `unknown-metric`, `unknown-metric-item`
 */
export function checkCocoMetrics(metrics: readonly string[], items: readonly string[]): void {
  for (const metric of metrics) checkMetric(metric);
  for (const item of items) checkItem(item);
}

function checkMetric(metric: string): void {
  if (['bbox', 'proposal', 'proposal_fast'].includes(metric)) return;
  throw new ConfigError(`metric ${metric} is not supported`, {
    code: 'unknown-metric',
    path: 'evaluation.metric',
    hint: "use 'bbox', 'proposal' or 'proposal_fast'",
  });
}

function checkItem(item: string): void {
  if (item in ITEM_INDEX) return;
  throw new ConfigError(`metric item ${item} is not supported`, {
    code: 'unknown-metric-item',
    path: 'evaluation.metric_items',
    hint: `use some of ${Object.keys(ITEM_INDEX).join(', ')}`,
  });
}

function toDetections(input: CocoDatasetEvaluateInput): ReturnType<typeof resultsToCocoDetections> {
  const { results, imageIds, categoryIds } = input;
  if (results[0] instanceof Float32Array) {
    return proposalsToCocoDetections(results.map(asProposals), imageIds);
  }
  return resultsToCocoDetections(results.map(asPerClass), imageIds, categoryIds);
}

function asPerClass(result: BboxResult | Float32Array): BboxResult {
  return result instanceof Float32Array ? [result] : result;
}

function asProposals(result: BboxResult | Float32Array): Float32Array {
  if (result instanceof Float32Array) return result;
  const all = new Float32Array(result.reduce((sum, rows) => sum + rows.length, 0));
  let at = 0;
  for (const rows of result) {
    all.set(rows, at);
    at += rows.length;
  }
  return all;
}

/** Mean recall over the thresholds, per proposal count; crowd and ignored boxes don't count. */
function fastRecall(
  input: CocoDatasetEvaluateInput,
  proposalNums: readonly number[],
  iouThrs: readonly number[],
): number[] {
  const boxesOf = new Map<ImageId, number[]>();
  for (const { image_id, bbox, ignore, iscrowd } of input.gt.annotations) {
    if (ignore || iscrowd) continue;
    const boxes = boxesOf.get(image_id) ?? [];
    const [x, y, w, h] = take(bbox, 4);
    boxes.push(x, y, x + w, y + h);
    boxesOf.set(image_id, boxes);
  }
  const gts = input.imageIds.map((id): BoxRows => ({
    data: Float32Array.from(boxesOf.get(id) ?? []),
    stride: 4,
  }));
  const proposals = input.results.map((result): BoxRows => ({ data: asProposals(result), stride: 5 }));
  const recalls = evalRecalls(gts, proposals, { proposalNums, iouThrs });
  return recalls.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
}

function classTable({ gt, categoryIds }: CocoDatasetEvaluateInput, coco: CocoEvalResult): string {
  const nameOf = new Map(gt.categories.map((category) => [category.id, category.name]));
  const cells = categoryIds.flatMap((id) => {
    const ap = coco.perClass.find((one) => one.categoryId === id)?.ap ?? NaN;
    return [nameOf.get(id) ?? String(id), pyFixed(ap, 3)];
  });
  const columns = Math.min(6, cells.length);
  const rows = [Array.from({ length: columns }, (_, c): string => (c % 2 === 0 ? 'category' : 'AP'))];
  for (let at = 0; at < cells.length; at += columns) {
    const row = cells.slice(at, at + columns);
    rows.push([...row, ...new Array<string>(columns - row.length).fill('None')]);
  }
  return asciiTable(rows);
}
