import type { LearnStep } from '../step.ts';

export const numClassCheck: LearnStep = {
  id: 'num_class_check',
  chapter: 'Hooks',
  title: 'A check that every run has',
  text: [
    'A head for the wrong number of classes trains without a word, and badly. `NumClassCheckHook` compares its `num_classes` with the data set before each epoch.',
    'It is in `_base_/default_runtime.py`, which nearly every config inherits. The line below says the same again.',
    'To see it at work, add `model = dict(bbox_head=dict(num_classes=4))`: the shapes have three classes, so the run ends before it begins.',
  ],
  config: `custom_hooks = [dict(type='NumClassCheckHook')]`,
  tab: 'Charts',
  look: [
    { text: 'The hook is in the list before training.', log: '\\(NORMAL\\s*\\) NumClassCheckHook' },
    { text: 'With four classes the status line says what differs.' },
  ],
};
