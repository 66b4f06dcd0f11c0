import { describe, expect, test } from 'vitest';
import { AnchorGenerator } from './anchorGenerator.ts';
import { DeltaXYWHBBoxCoder } from './deltaXYWHBBoxCoder.ts';
import { alignedOverlaps, bboxOverlaps } from './iou.ts';
import { MaxIoUAssigner } from './maxIoUAssigner.ts';
import { batchedNms, multiclassNms, nms, sortDescending } from './nms.ts';
import { PseudoSampler } from './pseudoSampler.ts';
import { at, take } from '../../util/at.ts';

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);

describe('overlaps', () => {
  // Two 10 px squares, 5 px apart sideways: intersection 50, union 150, hull 150.
  const [a, b] = [f32(0, 0, 10, 10), f32(5, 0, 15, 10)];
  test('IoU, IoF and GIoU of two squares', () => {
    expect(bboxOverlaps(a, b)[0]).toBeCloseTo(1 / 3, 6);
    expect(bboxOverlaps(a, b, 'iof')[0]).toBe(0.5);
    expect(bboxOverlaps(a, b, 'giou')[0]).toBeCloseTo(1 / 3, 6);
  });
  test('boxes apart: IoU 0, GIoU below 0; empty boxes give no NaN', () => {
    expect(alignedOverlaps(f32(0, 0, 1, 1), f32(3, 0, 4, 1), 'giou')[0]).toBe(-0.5);
    expect(alignedOverlaps(f32(5, 5, 5, 5), f32(5, 5, 5, 5))[0]).toBe(0);
  });
});

describe('AnchorGenerator', () => {
  test('anchors go row by row, column by column; ratio 0.5 is wide', () => {
    const generator = new AnchorGenerator({ strides: [8, 16], ratios: [1, 0.5], scales: [1] });
    const [level] = take(
      generator.gridPriors([
        [1, 2],
        [1, 1],
      ]),
      1,
    );
    const [w, h] = [8 * Math.SQRT2, 8 / Math.SQRT2];
    expect([...level.subarray(0, 4)]).toEqual([-4, -4, 4, 4]);
    [-w / 2, -h / 2, w / 2, h / 2].forEach((v, i) => expect(level[4 + i]).toBeCloseTo(v, 5));
    expect([...level.subarray(8, 12)]).toEqual([4, -4, 12, 4]);
    expect(generator.numBasePriors).toEqual([2, 2]);
  });
  test('valid flags stop at the padded picture', () => {
    const generator = new AnchorGenerator({ strides: [8], ratios: [1], scales: [1] });
    // 9 px high needs 2 rows, 8 px wide 1 column.
    expect([...at(generator.validFlags([[3, 2]], [9, 8]), 0)]).toEqual([1, 0, 1, 0, 0, 0]);
  });
  test.each([
    [{ strides: [8], ratios: [1] }, 'either scales, or octave_base_scale'],
    [
      { strides: [8], ratios: [1], scales: [1], baseSizes: [1, 2] },
      'base_sizes must have one entry per stride',
    ],
    [
      { strides: [8], ratios: [1], scales: [1], centerOffset: 1, centers: [[0, 0]] as const },
      'center_offset must be 0',
    ],
  ])('refuses %j', (args, message) => {
    expect(() => new AnchorGenerator(args)).toThrow(message);
  });
  test('the neck must give as many levels as there are strides', () => {
    const generator = new AnchorGenerator({ strides: [8, 16], ratios: [1], scales: [1] });
    expect(() => generator.gridPriors([[1, 1]])).toThrow(
      'has strides for 2 levels, but the neck gives 1 feature maps',
    );
  });
});

describe('DeltaXYWHBBoxCoder', () => {
  const anchors = f32(0, 0, 10, 20, 30, 30, 50, 40);
  const boxes = f32(2, 1, 14, 19, 28, 33, 44, 47);
  test('decoding what was encoded gives the box back, whatever means and deviations', () => {
    const coder = new DeltaXYWHBBoxCoder({ targetMeans: [0.1, 0, 0, 0.2], targetStds: [0.1, 0.1, 0.2, 0.2] });
    const back = coder.decode(anchors, coder.encode(anchors, boxes), null);
    back.forEach((v, i) => expect(v).toBeCloseTo(at(boxes, i), 4));
  });
  test('decoded boxes are clipped to the picture', () => {
    const coder = new DeltaXYWHBBoxCoder();
    const [, , x2, y2] = coder.decode(f32(0, 0, 10, 10), f32(0, 0, 2, 2), [7, 9, 3]);
    expect([x2, y2]).toEqual([9, 7]);
  });
});

describe('MaxIoUAssigner', () => {
  // Overlaps with the one object: 1, 0.5, 0.25, 0.
  const anchors = f32(0, 0, 10, 10, 0, 0, 10, 5, 0, 0, 5, 5, 20, 20, 30, 30);
  const object = f32(0, 0, 10, 10);
  const labels = Int32Array.of(4);
  test('positive, ignored and background by the largest overlap', () => {
    const assigner = new MaxIoUAssigner({ posIouThr: 0.6, negIouThr: 0.3 });
    const result = assigner.assign(anchors, object, null, labels);
    expect([...result.gtInds]).toEqual([1, -1, 0, 0]);
    expect([...(result.labels ?? [])]).toEqual([4, -1, -1, -1]);
    const { posInds, negInds, posAssignedGtInds } = new PseudoSampler().sample(result);
    expect([[...posInds], [...negInds], [...posAssignedGtInds]]).toEqual([[0], [2, 3], [0]]);
  });
  test('an object takes its nearest anchors, however little they overlap', () => {
    // Overlaps 0.16, 0.32, 0.64 and 0.
    const far = f32(0, 0, 4, 4);
    const assigner = new MaxIoUAssigner({ posIouThr: 0.9, negIouThr: 0.3 });
    expect([...assigner.assign(anchors, far, null, labels).gtInds]).toEqual([0, -1, 1, 0]);
    const strict = new MaxIoUAssigner({ posIouThr: 0.9, negIouThr: 0.3, minPosIou: 0.7 });
    expect([...strict.assign(anchors, far, null, labels).gtInds]).toEqual([0, -1, -1, 0]);
  });
  test('of several equally near anchors all are taken, or one with gt_max_assign_all=False', () => {
    const twice = f32(0, 0, 10, 5, 0, 5, 10, 10);
    const all = new MaxIoUAssigner({ posIouThr: 0.9, negIouThr: 0.3 });
    expect([...all.assign(twice, object, null, labels).gtInds]).toEqual([1, 1]);
    const one = new MaxIoUAssigner({ posIouThr: 0.9, negIouThr: 0.3, gtMaxAssignAll: false });
    expect([...one.assign(twice, object, null, labels).gtInds]).toEqual([1, -1]);
  });
  test('without objects everything is background', () => {
    const assigner = new MaxIoUAssigner({ posIouThr: 0.5, negIouThr: 0.4 });
    expect([...assigner.assign(anchors, f32(), null, Int32Array.of()).gtInds]).toEqual([0, 0, 0, 0]);
  });
  test('anchors inside an ignored region count for nothing', () => {
    const assigner = new MaxIoUAssigner({ posIouThr: 0.6, negIouThr: 0.3, ignoreIofThr: 0.5 });
    const ignore = f32(19, 19, 31, 31);
    expect([...assigner.assign(anchors, object, ignore, labels).gtInds]).toEqual([1, -1, 0, -1]);
  });
});

describe('suppression', () => {
  const boxes = f32(0, 0, 10, 10, 1, 0, 11, 10, 20, 0, 30, 10);
  const scores = f32(0.5, 0.9, 0.7);
  test('the best box wins, boxes apart stay', () => {
    expect([...nms(boxes, scores, 0.5)]).toEqual([1, 2]);
    expect([...nms(boxes, scores, 0.9)]).toEqual([1, 2, 0]);
  });
  test('classes do not suppress each other unless class_agnostic; max_num; nms=None', () => {
    const labels = Int32Array.of(0, 1, 0);
    const cfg = { type: 'nms', iou_threshold: 0.5 };
    expect([...batchedNms(boxes, scores, labels, cfg)]).toEqual([1, 2, 0]);
    expect([...batchedNms(boxes, scores, labels, { ...cfg, class_agnostic: true })]).toEqual([1, 2]);
    expect([...batchedNms(boxes, scores, labels, { ...cfg, max_num: 1 })]).toEqual([1]);
    expect([...batchedNms(boxes, scores, labels, null)]).toEqual([1, 2, 0]);
    // Class by class gives the same.
    expect([...batchedNms(boxes, scores, labels, { ...cfg, split_thr: 1 })]).toEqual([1, 2, 0]);
    expect(() => batchedNms(boxes, scores, labels, { type: 'soft_nms', iou_threshold: 0.5 })).toThrow(
      "must be 'nms'",
    );
  });
  test('multiclass: pairs above the threshold, with one box per class too', () => {
    const options = { numClasses: 2, scoreThr: 0.3, nms: { type: 'nms', iou_threshold: 0.5 } };
    const shared = multiclassNms(boxes, f32(0.9, 0.8, 0, 0.1, 0.2, 0, 0.4, 0.1, 0), options);
    expect([...shared.labels]).toEqual([0, 1, 0]);
    const own = multiclassNms(f32(0, 0, 1, 1, 5, 5, 6, 6), f32(0.1, 0.9, 0), options);
    expect([...own.boxes]).toEqual([5, 5, 6, 6]);
  });
  test('sorting keeps the order of equals', () => {
    expect([...sortDescending(f32(1, 3, 3, 2))]).toEqual([1, 2, 3, 0]);
  });
});
