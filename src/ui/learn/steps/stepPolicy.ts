import type { LearnStep } from '../step.ts';

export const stepPolicy: LearnStep = {
  id: 'step_policy',
  chapter: 'Schedules',
  title: 'Steps, the usual schedule',
  text: [
    'The learning rate need not stay the same. `lr_config` names a `policy`; the one that MMDetection’s configs start from is `step`: at each epoch of the list the rate is divided by ten, or multiplied by `gamma`.',
    'A schedule of 12 epochs has its steps at 8 and 11. This run is shorter, so they come earlier.',
    'The warm-up is a part of its own that any policy can have: the rate grows from `warmup_ratio` of its value over the first `warmup_iters` iterations.',
  ],
  config: `lr_config = dict(
    policy='step',
    warmup='linear',
    warmup_iters=3,
    warmup_ratio=0.001,
    step=[2, 3])`,
  tab: 'Schedule',
  look: [
    { text: 'The dashed line in the Schedule tab moves with the run.' },
    {
      text: 'In the last epoch both steps are behind it: 0.02 has become 0.0002.',
      log: 'Epoch \\[4\\].*lr: 2\\.000e-04',
    },
  ],
};
