import { metricNamesOf } from './metricNames.ts';
import { describe, expect, test } from 'vitest';
import { resultsToCocoDetections } from './bboxResult.ts';
import { cocoDatasetEvaluate } from './cocoDatasetEvaluate.ts';
import { cocoSummaryLines, evaluateCocoBbox } from './cocoEval.ts';
import { descendingOrder } from './cocoMatch.ts';
import { linspace, type CocoAnnotation, type CocoGroundTruth } from './cocoTypes.ts';
import { pyFixed } from './pyFormat.ts';
import { readCocoDetections, readCocoGroundTruth } from './readCoco.ts';

function groundTruth(annotations: Partial<CocoAnnotation>[], images = 1): CocoGroundTruth {
  return {
    images: Array.from({ length: images }, (_, i) => ({ id: i + 1 })),
    annotations: annotations.map((a, i) => ({
      id: i + 1,
      image_id: 1,
      category_id: 1,
      bbox: [0, 0, 50, 50],
      iscrowd: 0,
      ...a,
    })),
    categories: [{ id: 1, name: 'cell' }],
  };
}
const hit = { image_id: 1, category_id: 1, bbox: [0, 0, 50, 50], score: 0.9 };
const miss = { image_id: 1, category_id: 1, bbox: [200, 200, 50, 50], score: 0.95 };

describe('evaluateCocoBbox', () => {
  test('a perfect detection scores 1; areas without ground truth are -1', () => {
    const { stats } = evaluateCocoBbox(groundTruth([{}]), [hit]);
    // 50 x 50 px is a medium box.
    expect(stats).toEqual(
      [1, 1, 1, -1, 1, -1, 1, 1, 1, -1, 1, -1].map((v) => (v === 1 ? expect.closeTo(1, 12) : v)),
    );
  });

  test('a false positive above the hit halves the precision', () => {
    expect(evaluateCocoBbox(groundTruth([{}]), [hit, miss]).stats[0]).toBeCloseTo(0.5, 12);
  });

  test('a detection on a crowd counts neither way', () => {
    const gt = groundTruth([{}, { bbox: [190, 190, 80, 80], iscrowd: 1 }]);
    expect(evaluateCocoBbox(gt, [hit, miss]).stats[0]).toBeCloseTo(1, 12);
  });

  test('an annotation with id 0 never counts as matched, as in pycocotools', () => {
    expect(evaluateCocoBbox(groundTruth([{ id: 0 }]), [hit]).stats[0]).toBe(0);
  });

  test('without a missing area the box gives it', () => {
    expect(evaluateCocoBbox(groundTruth([{ area: 100 }]), [hit]).stats[3]).toBeCloseTo(1, 12);
    expect(evaluateCocoBbox(groundTruth([{}]), [hit]).stats[4]).toBeCloseTo(1, 12);
  });

  test('the first number needs maxDets=100, as in pycocotools', () => {
    const { stats } = evaluateCocoBbox(groundTruth([{}]), [hit], { maxDets: [1, 3, 5] });
    expect(stats[0]).toBe(-1);
    expect(stats[1]).toBeCloseTo(1, 12);
  });

  test('a detection on an unknown image is refused', () => {
    expect(() =>
      evaluateCocoBbox(groundTruth([{}]), [{ ...hit, image_id: 7 }]),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: detections must be on images of the ground truth, but one is on image 7]`,
    );
  });

  test('summary lines are pycocotools’', () => {
    const lines = cocoSummaryLines(evaluateCocoBbox(groundTruth([{}]), [hit]));
    expect(lines[0]).toBe(' Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000');
    expect(lines[6]).toBe(' Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 1.000');
  });

  test('1,000 images with 100 detections each stay far from quadratic time', () => {
    const images = 1000;
    let seed = 1;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const box = (): number[] => [random() * 500, random() * 500, 10 + random() * 100, 10 + random() * 100];
    const annotations = Array.from({ length: images * 7 }, (_, i) => ({
      image_id: 1 + (i % images),
      category_id: 1 + (i % 80),
      bbox: box(),
    }));
    const gt = groundTruth(annotations, images);
    const categories = Array.from({ length: 80 }, (_, i) => ({ id: i + 1 }));
    const dt = Array.from({ length: images * 100 }, (_, i) => ({
      image_id: 1 + (i % images),
      category_id: 1 + Math.floor(random() * 80),
      bbox: box(),
      score: random(),
    }));
    const started = process.cpuUsage().user;
    const { stats } = evaluateCocoBbox({ ...gt, categories }, dt);
    // About 1 s of processor time (5,000 images: about 4 s); the bound only catches a quadratic blow-up.
    expect((process.cpuUsage().user - started) / 1e6).toBeLessThan(15);
    // Random boxes rarely meet.
    expect(stats[0]).toBeGreaterThanOrEqual(0);
    expect(stats[0]).toBeLessThan(0.01);
  });
});

test('descendingOrder keeps ties in order and puts NaN last', () => {
  expect([...descendingOrder(Float64Array.of(1, 3, NaN, 3, 2))]).toEqual([1, 3, 4, 0, 2]);
});

test('linspace has NumPy’s bits at the thresholds that are selected by equality', () => {
  const thresholds = linspace(0.5, 0.95, 10);
  expect(thresholds[0]).toBe(0.5);
  expect(thresholds[5]).toBe(0.75);
  expect(thresholds[9]).toBe(0.95);
});

test('pyFixed rounds decimal ties to even', () => {
  expect(pyFixed(0.03125, 4)).toBe('0.0312');
  expect(pyFixed(0.09375, 4)).toBe('0.0938');
  expect(pyFixed(-1, 4)).toBe('-1.0000');
  expect(pyFixed(0.12345, 3)).toBe('0.123');
});

describe('cocoDatasetEvaluate', () => {
  const gt = groundTruth([{}]);
  const results = [[Float32Array.of(0, 0, 50, 50, 0.9)]];
  const input = { gt, imageIds: [1], categoryIds: [1], results };

  test('reports MMDetection’s keys in its order', () => {
    expect(cocoDatasetEvaluate(input).metrics).toEqual({
      bbox_mAP: 1,
      bbox_mAP_50: 1,
      bbox_mAP_75: 1,
      bbox_mAP_s: -1,
      bbox_mAP_m: 1,
      bbox_mAP_l: -1,
      bbox_mAP_copypaste: '1.0000 1.0000 1.0000 -1.0000 1.0000 -1.0000',
    });
  });

  test('classwise logs a table', () => {
    const { log } = cocoDatasetEvaluate(input, { classwise: true });
    expect(log[2]).toMatchInlineSnapshot(`
      "
      +----------+-------+
      | category | AP    |
      +----------+-------+
      | cell     | 1.000 |
      +----------+-------+"
    `);
  });

  test('classwise gives the AP of each class under a name that loggers and files can carry', () => {
    const categories = ['traffic light', 'traffic/light', 'größe', 'unseen'].map((name, i) => ({
      id: i + 1,
      name,
    }));
    const many = { ...gt, categories };
    const rows = Float32Array.of(0, 0, 50, 50, 0.9);
    const none = new Float32Array(0);
    const { metrics, classMetrics } = cocoDatasetEvaluate(
      { gt: many, imageIds: [1], categoryIds: [1, 2, 3, 4], results: [[rows, none, none, none]] },
      { classwise: true, metricItems: ['mAP'] },
    );
    expect(Object.keys(metrics)).toEqual(['bbox_mAP', 'bbox_mAP_copypaste']);
    expect(Object.entries(classMetrics ?? {})).toEqual([
      ['bbox_traffic_light_precision', 1],
      ['bbox_traffic_light_2_precision', -1],
      ['bbox_größe_precision', -1],
      ['bbox_unseen_precision', -1],
    ]);
  });

  test.each([
    { metric: ['bbox'], classwise: true },
    { metric: ['proposal', 'bbox'] },
    { metric: ['bbox', 'proposal_fast'], proposalNums: [1, 100] },
    { metric: ['bbox'], metricItems: ['mAP_75', 'AR@100'] },
  ])('the names that %j gives are known beforehand', (options) => {
    const found = cocoDatasetEvaluate(input, options);
    const metrics: Readonly<Record<string, number | string>> = { ...found.metrics, ...found.classMetrics };
    const { proposalNums = [100, 300, 1000], metricItems = null, classwise = false } = options;
    const names = metricNamesOf({
      metrics: options.metric,
      classwise,
      proposalNums,
      metricItems,
      iouThrs: [0.5],
      classNames: ['cell'],
    });
    expect(names).toEqual(Object.keys(metrics).filter((name) => typeof metrics[name] === 'number'));
  });

  test('no detections at all give no metrics and a notice', () => {
    const { metrics, log } = cocoDatasetEvaluate({ ...input, results: [[new Float32Array(0)]] });
    expect(metrics).toEqual({});
    expect(log).toContain('The testing results of the whole dataset is empty.');
  });

  test('resultsToCocoDetections turns corners into width and height', () => {
    expect(resultsToCocoDetections([[Float32Array.of(1, 2, 11, 22, 0.5)]], [5], [3])).toEqual([
      { image_id: 5, category_id: 3, bbox: [1, 2, 10, 20], score: 0.5 },
    ]);
  });
});

describe('files from outside', () => {
  test.each([
    ['{', /must be JSON/],
    ['[]', /the file must be a JSON object, but got \[\]/],
    ['{"images":[]}', /"annotations" must be a list, but got nothing/],
    [
      '{"images":[{"id":1}],"categories":[{"id":1}],"annotations":[{"image_id":1,"category_id":1,"bbox":[1,2,3]}]}',
      /annotations\[0\]\.bbox must be four numbers .* got \[1,2,3\]/,
    ],
  ])('ground truth %s is refused', (text, message) => {
    expect(() => readCocoGroundTruth(text, 'gt.json')).toThrow(message);
  });

  test('detections without a score are refused', () => {
    const text = '[{"image_id":1,"category_id":1,"bbox":[1,2,3,4]}]';
    expect(() => readCocoDetections(text, 'dt.json')).toThrow('[0].score must be a number, but got nothing');
  });
});
