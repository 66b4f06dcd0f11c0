import { at } from '../util/at.ts';
import { describe, expect, test } from 'vitest';
import { evalRecalls } from './recalls.ts';
import { vocDatasetEvaluate } from './vocDatasetEvaluate.ts';
import { averagePrecision, vocEvalMap } from './vocMap.ts';

const gt = { bboxes: Float32Array.of(0, 0, 9, 9, 20, 20, 29, 29), labels: [0, 0] };
const dets = [[Float32Array.of(0, 0, 9, 9, 0.9, 50, 50, 59, 59, 0.8)]];

describe('vocEvalMap', () => {
  test('one hit of two, then a miss: half the area, six of the eleven points', () => {
    expect(vocEvalMap(dets, [gt]).meanAp).toBeCloseTo(0.5, 7);
    expect(vocEvalMap(dets, [gt], { mode: '11points' }).meanAp).toBeCloseTo(6 / 11, 6);
  });

  test('a detection on a difficult box counts neither way', () => {
    const difficult = { ...gt, bboxesIgnore: Float32Array.of(50, 50, 59, 59), labelsIgnore: [0] };
    const [one] = vocEvalMap(dets, [difficult]).perClass;
    expect(one?.precision[1]).toBe(1);
  });

  test('a class without ground truth is left out of the mean', () => {
    const two = [[at(at(dets, 0), 0), Float32Array.of(0, 0, 5, 5, 0.3)]];
    const result = vocEvalMap(two, [gt]);
    expect(result.perClass[1]?.ap).toBe(0);
    expect(result.meanAp).toBe(result.perClass[0]?.ap);
  });

  test('an empty curve has no area', () => {
    expect(averagePrecision(new Float64Array(0), new Float32Array(0), 'area')).toBe(0);
    expect(averagePrecision(new Float64Array(0), new Float32Array(0), '11points')).toBe(0);
  });
});

describe('evalRecalls', () => {
  test('each ground truth takes one proposal', () => {
    const gts = [{ data: Float32Array.of(0, 0, 10, 10, 0, 0, 10, 12), stride: 4 as const }];
    const proposals = [{ data: Float32Array.of(0, 0, 10, 10, 0.9), stride: 5 as const }];
    expect(evalRecalls(gts, proposals, { proposalNums: [1, 10], iouThrs: [0.5, 1] })).toEqual([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
  });

  test('the proposal count cuts by score', () => {
    const gts = [{ data: Float32Array.of(0, 0, 10, 10), stride: 4 as const }];
    const proposals = [{ data: Float32Array.of(0, 0, 10, 10, 0.1, 50, 50, 60, 60, 0.9), stride: 5 as const }];
    expect(evalRecalls(gts, proposals, { proposalNums: [1, 2], iouThrs: [0.5] })).toEqual([[0], [1]]);
  });
});

test('vocDatasetEvaluate reports mAP first, then each threshold', () => {
  const input = { annotations: [gt], results: dets, classNames: ['cell'] };
  const { metrics } = vocDatasetEvaluate(input, { iouThr: [0.5, 0.7] });
  expect(Object.entries(metrics)).toEqual([
    ['mAP', 0.5],
    ['AP50', 0.5],
    ['AP70', 0.5],
  ]);
  const recall = vocDatasetEvaluate(input, { metric: 'recall', proposalNums: [1] });
  expect(recall.metrics).toEqual({ 'recall@1@0.5': 0.5 });
  expect(() => vocDatasetEvaluate(input, { metric: 'bbox' })).toThrow('metric bbox is not supported');
});
