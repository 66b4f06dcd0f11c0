import type { LearnStep } from '../step.ts';

export const evaluationConfig: LearnStep = {
  id: 'evaluation_config',
  chapter: 'Default runtime',
  title: 'When and how it is evaluated',
  text: [
    "`evaluation` sets up `EvalHook`: every `interval` epochs the model finds objects in the validation set, and the metric is computed. `metric='bbox'` is COCO’s average precision for boxes.",
    'Keys that the hook doesn’t know, such as `classwise=True`, are handed to the data set’s `evaluate()`.',
    'After so few iterations all scores are low; the second line lets every detection count.',
  ],
  config: `evaluation = dict(
    interval=2, metric='bbox', classwise=True)
model = dict(test_cfg=dict(score_thr=0.0))`,
  tab: 'Predictions',
  look: [
    {
      text: 'After epochs 2 and 4 the log has COCO’s twelve numbers.',
      log: 'Epoch\\(val\\) \\[4\\].*bbox_mAP: ',
    },
    { text: 'The Predictions tab shows what it found.' },
  ],
};
