// MMDetection's VOCDataset.evaluate: mAP or recall, in VOC's inclusive pixel coordinates.

import { at } from '../util/at.ts';
import { ConfigError } from '../errors/trainerError.ts';
import type { BboxResult } from './bboxResult.ts';
import type { DatasetEvaluation } from './cocoDatasetEvaluate.ts';
import { asciiTable, pyFixed, pyRound } from './pyFormat.ts';
import { evalRecalls } from './recalls.ts';
import { vocEvalMap, type VocAnnotation, type VocMapResult } from './vocMap.ts';

export interface VocDatasetEvaluateOptions {
  /** `mAP` (the default) or `recall`. */
  readonly metric?: string | readonly string[];
  /** One or several IoU thresholds. Default 0.5. */
  readonly iouThr?: number | readonly number[];
  /** For `recall`. Default [100, 300, 1000]. */
  readonly proposalNums?: readonly number[];
}

/**
 * Evaluate results as MMDetection's VOC dataset does.
 * @param input `classNames` in class order; `year` 2007 takes the 11 points, others the area
 * @throws ConfigError `unknown-metric`
 * Source: mmdet 2.28.2 `VOCDataset.evaluate`.
 */
export function vocDatasetEvaluate(
  input: {
    readonly annotations: readonly VocAnnotation[];
    readonly results: readonly BboxResult[];
    readonly classNames: readonly string[];
    readonly year?: number;
  },
  { metric = 'mAP', iouThr = 0.5, proposalNums = [100, 300, 1000] }: VocDatasetEvaluateOptions = {},
): DatasetEvaluation {
  const name = typeof metric === 'string' ? metric : metric[0];
  if (name !== 'mAP' && name !== 'recall') {
    throw new ConfigError(`metric ${name} is not supported`, {
      code: 'unknown-metric',
      path: 'evaluation.metric',
      hint: "use 'mAP' or 'recall'",
    });
  }
  const iouThrs = typeof iouThr === 'number' ? [iouThr] : iouThr;
  const metrics: Record<string, number> = {};
  const log: string[] = [];
  if (name === 'recall') {
    const gts = input.annotations.map(({ bboxes }) => ({ data: bboxes, stride: 4 as const }));
    const proposals = input.results.map((result) => ({ data: joined(result), stride: 5 as const }));
    const recalls = evalRecalls(gts, proposals, { proposalNums, iouThrs, useLegacyCoordinate: true });
    proposalNums.forEach((num, i) => {
      iouThrs.forEach((thr, j) => (metrics[`recall@${num}@${thr}`] = at(at(recalls, i), j)));
    });
    if (iouThrs.length > 1) {
      proposalNums.forEach((num, i) => {
        metrics[`AR@${num}`] = at(recalls, i).reduce((sum, value) => sum + value, 0) / iouThrs.length;
      });
    }
    return { metrics, log };
  }
  const mode = input.year === 2007 ? '11points' : 'area';
  const means: [string, number][] = iouThrs.map((thr) => {
    const result = vocEvalMap(input.results, input.annotations, {
      iouThr: thr,
      mode,
      useLegacyCoordinate: true,
    });
    log.push(`\n---------------iou_thr: ${thr}---------------`, `\n${mapTable(result, input.classNames)}`);
    return [apName(thr), result.meanAp];
  });
  metrics.mAP = means.reduce((sum, [, mean]) => sum + mean, 0) / means.length;
  for (const [key, mean] of means) metrics[key] = pyRound(mean, 3);
  return { metrics, log };
}

/** The names of the numbers that {@link vocDatasetEvaluate} gives. */
export function vocMetricNames(
  metric: string,
  {
    iouThrs,
    proposalNums,
  }: { readonly iouThrs: readonly number[]; readonly proposalNums: readonly number[] },
): string[] {
  if (metric === 'mAP') return ['mAP', ...iouThrs.map(apName)];
  const names = proposalNums.flatMap((num) => iouThrs.map((thr) => `recall@${num}@${thr}`));
  return iouThrs.length > 1 ? [...names, ...proposalNums.map((num) => `AR@${num}`)] : names;
}

const apName = (iouThr: number): string => `AP${String(Math.trunc(iouThr * 100)).padStart(2, '0')}`;

function joined(rows: BboxResult): Float32Array {
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of rows) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function mapTable({ meanAp, perClass }: VocMapResult, classNames: readonly string[]): string {
  const rows = perClass.map((one, label) => [
    classNames[label] ?? String(label),
    String(one.numGts),
    String(one.numDets),
    pyFixed(one.recall[one.recall.length - 1] ?? 0, 3),
    pyFixed(one.ap, 3),
  ]);
  return asciiTable(
    [['class', 'gts', 'dets', 'recall', 'ap'], ...rows, ['mAP', '', '', '', pyFixed(meanAp, 3)]],
    true,
  );
}
