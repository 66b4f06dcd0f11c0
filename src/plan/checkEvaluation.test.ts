import { describe, expect, test } from 'vitest';
import { evaluateSpecOf, type Dataset } from '../datasets/index.ts';
import { ShapesDataset } from '../datasets/shapes.ts';
import type { ArgSpec } from '../registry/argSpec.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { Tuple } from '../util/tuple.ts';
import { checkEvaluation, evaluationWarnings, readEvaluation } from './checkEvaluation.ts';

const context = new BuildContext(createRunRegistries(), {
  fs: createMemoryFs(),
  decodeImage: () => Promise.reject(new Error('not used')),
  seed: 0,
  warn: () => undefined,
});
const args = { numImages: 1, pipeline: [] };
const shapes = new ShapesDataset(args, context);
const shapesCfg = { type: 'ShapesDataset', num_images: 1, pipeline: [] };

class OwnEvaluate extends ShapesDataset {
  override evaluate(): Record<string, number> {
    return { mine: 1 };
  }
}
class OwnArgs extends OwnEvaluate {
  static override readonly evaluateArgs: ArgSpec = { optional: ['thr'], kinds: { thr: 'number' } };
  override evaluate(): Record<string, number> {
    return { mine: 2 };
  }
}
class OwnClasses extends ShapesDataset {}

function check(evaluation: Record<string, unknown>, dataset: Dataset = shapes): void {
  const cfg = readEvaluation({ evaluation });
  if (cfg) checkEvaluation(cfg, dataset);
}

test('what MMDetection takes passes', () => {
  check({ interval: 2, metric: 'bbox', save_best: 'auto', rule: 'greater' });
  check({ metric: ['bbox', 'proposal'], classwise: true, iou_thrs: [0.5], metric_items: ['mAP'] });
  check({ interval: 1, metric: 'mAP', iou_thr: 0.5 });
  check({ metric: ['mAP'] });
  check({ rule: 'less', greater_keys: 'mine', less_keys: ['a'], dynamic_intervals: [Tuple.of(3, 1)] });
  check({ rule: null, greater_keys: null, less_keys: Tuple.of('a'), dynamic_intervals: null });
  check({ test_fn: null, file_client_args: { backend: 'disk' }, gpu_collect: true });
  check({});
});

const bad: [Record<string, unknown>, string][] = [
  [{ intervall: 1 }, "evaluation got an unexpected argument 'intervall'"],
  [{ interval: '1' }, "evaluation.interval must be a whole number of at least 1, but got '1'"],
  [{ save_best: 'auto', rule: 'bigger' }, "rule must be 'greater', 'less' or None, but got 'bigger'"],
  [{ rule: 1 }, "evaluation.rule must be 'greater', 'less' or None, but got 1"],
  [{ greater_keys: [1] }, 'evaluation.greater_keys must be a string or a list or tuple of strings or None'],
  [
    { less_keys: 3 },
    'evaluation.less_keys must be a string or a list or tuple of strings or None, but got 3',
  ],
  [
    { dynamic_intervals: 3 },
    'evaluation.dynamic_intervals must be a list of tuples of two whole numbers or None',
  ],
  [{ dynamic_intervals: [[3, 1]] }, 'evaluation.dynamic_intervals must be a list of tuples'],
  [{ metric: 'bboxx' }, 'metric bboxx is not supported'],
  [{ metric: ['bbox', 'segm'] }, 'metric segm is not supported'],
  [{ metric: 3 }, 'evaluation.metric must be a name or a list of names, but got 3'],
  [{ metric_items: ['mAP_55'] }, 'metric item mAP_55 is not supported'],
  [{ iou_thrs: '0.5' }, "evaluation.iou_thrs must be a list or tuple of numbers or None, but got '0.5'"],
];
test.each(bad)('%j is refused before the training starts', (evaluation, message) => {
  expect(() => check(evaluation)).toThrow(message);
  expect(() => check(evaluation, new OwnClasses(args, context))).toThrow(message);
});

test('save_best is checked against the metrics that the dataset gives, the class names among them', () => {
  for (const key of ['bbox_mAP', 'bbox_mAP_l', 'auto']) check({ save_best: key });
  check({ save_best: 'AP50', metric: 'mAP' });
  for (const classwise of [true, 1]) check({ save_best: 'bbox_circle_precision', classwise });
  const refused = (evaluation: Record<string, unknown>, hint: RegExp): void =>
    expect(() => check(evaluation)).toThrow(
      expect.objectContaining({
        message: `evaluation.save_best must name a metric of the evaluation, but got '${String(evaluation.save_best)}'`,
        path: 'evaluation.save_best',
        hint: expect.stringMatching(hint),
      }),
    );
  refused({ save_best: 'bbox_mAP_51' }, /^did you mean 'bbox_mAP_5?0?'\?|data\.val gives: bbox_mAP, /);
  refused({ save_best: 'mAP' }, /data\.val gives: bbox_mAP, bbox_mAP_50/);
  refused({ save_best: 'bbox_mAP_50', metric_items: ['mAP'] }, /data\.val gives: bbox_mAP;/);
  refused({ save_best: 'bbox_circle_precision' }, /with classwise=True the AP of each class too$/);
  refused({ save_best: 'bbox_mAP', metric: 'mAP' }, /data\.val gives: mAP, AP50/);
});

describe('a dataset with an evaluate of its own', () => {
  test('takes any key and any metric; EvalHook still checks its own', () => {
    const own = new OwnEvaluate(args, context);
    check({ metric: 'mine', thr: 'x', intervall: 1 }, own);
    expect(() => check({ interval: 0 }, own)).toThrow('evaluation.interval must be');
  });

  test('may say which keys it takes', () => {
    const own = new OwnArgs(args, context);
    check({ thr: 0.5 }, own);
    expect(() => check({ thr: 'x' }, own)).toThrow("evaluation.thr must be a number, but got 'x'");
    expect(() => check({ metric: 'bbox' }, own)).toThrow("unexpected argument 'metric'");
  });

  test('a concatenation takes what its parts take', () => {
    const concat = (...datasets: unknown[]): Dataset =>
      context.build<Dataset>('DATASETS', { type: 'ConcatDataset', datasets }, 'data.val');
    expect(() => check({ thr: 1 }, concat(shapesCfg))).toThrow("unexpected argument 'thr'");
    const { registries } = context;
    registries.DATASETS.registerModule({ name: 'OwnEvaluate' })(OwnEvaluate);
    const mixed = concat(shapesCfg, { ...shapesCfg, type: 'OwnEvaluate' });
    expect(evaluateSpecOf(mixed)).toBeNull();
    check({ thr: 1 }, mixed);
  });
});

test('without evaluation there is one after each epoch; None switches it off', () => {
  expect(readEvaluation({})).toEqual({ hook: {}, evaluate: {} });
  expect(readEvaluation({ evaluation: null })).toBeNull();
  const evaluation = { interval: 2, metric: 'bbox', tmpdir: 'x' };
  expect(readEvaluation({ evaluation })).toEqual({ hook: { interval: 2 }, evaluate: { metric: 'bbox' } });
});

test('what is asked for in vain is a warning', () => {
  expect(evaluationWarnings({ evaluation: { interval: 1 } }, false)).toEqual([
    'evaluation has nothing to evaluate on: data.val is missing',
  ]);
  expect(evaluationWarnings({}, false)).toEqual([]);
  const evaluation = { test_fn: 'f', gpu_collect: false, file_client_args: null, jsonfile_prefix: 'r' };
  expect(evaluationWarnings({ evaluation }, true)).toEqual([
    'evaluation.test_fn has no effect: the detector itself is run',
    'evaluation.jsonfile_prefix has no effect: no result files are written; tabtrain test --out writes one',
  ]);
});
