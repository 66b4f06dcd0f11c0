import { expect, test } from 'vitest';
import { checkEvaluation } from './checkEvaluation.ts';

test('what MMDetection takes passes', () => {
  checkEvaluation({ interval: 2, metric: 'bbox', save_best: 'auto', rule: 'greater' });
  checkEvaluation({ metric: ['bbox', 'proposal'], classwise: true, iou_thrs: [0.5], metric_items: ['mAP'] });
  checkEvaluation({ interval: 1, metric: 'mAP', iou_thr: 0.5 });
  checkEvaluation({});
});

const bad: [Record<string, unknown>, string][] = [
  [{ intervall: 1 }, "evaluation got an unexpected argument 'intervall'"],
  [{ interval: '1' }, "evaluation.interval must be a whole number of at least 1, but got '1'"],
  [{ metric: 'bboxx' }, 'metric bboxx is not supported'],
  [{ metric: ['bbox', 'segm'] }, 'metric segm is not supported'],
  [{ metric: 3 }, 'evaluation.metric must be a name or a list of names, but got 3'],
  [{ metric_items: ['mAP_55'] }, 'metric item mAP_55 is not supported'],
  [{ iou_thrs: '0.5' }, "evaluation.iou_thrs must be a list or tuple of numbers or None, but got '0.5'"],
];
test.each(bad)('%j is refused before the training starts', (evaluation, message) => {
  expect(() => checkEvaluation(evaluation)).toThrow(message);
});
