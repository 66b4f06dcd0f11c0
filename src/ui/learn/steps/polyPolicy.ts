import type { LearnStep } from '../step.ts';

export const polyPolicy: LearnStep = {
  id: 'poly_policy',
  chapter: 'Schedules',
  title: 'A polynomial',
  text: [
    '`poly` lets the rate fall smoothly to `min_lr` at the end of the run, along a power of what is left of it. A `power` of 1 is a straight line.',
    'With `by_epoch=False` the rate changes at every iteration, else once an epoch.',
  ],
  config: `lr_config = dict(
    _delete_=True, policy='poly',
    power=0.9, min_lr=1e-4, by_epoch=False)`,
  tab: 'Schedule',
  look: [
    { text: 'The Schedule tab: change `power`, or `by_epoch`, and watch the curve.' },
    {
      text: 'The last iteration still trains well above `min_lr`: the curve reaches it when the run is over.',
      log: 'Epoch \\[4\\]\\[2/2\\]\\s+lr: 3\\.162e-03',
    },
  ],
};
