import type { LearnStep } from '../step.ts';

export const cosinePolicy: LearnStep = {
  id: 'cosine_policy',
  chapter: 'Schedules',
  title: 'Cosine annealing with warm-up',
  text: [
    '`CosineAnnealing` follows half a cosine from the optimizer’s rate down to `min_lr_ratio` of it. Many train with it because it has no steps to choose.',
    'A real run warms up over a thousand iterations or so. This one has eight, of which three warm up.',
    'There are more policies: `fixed`, `exp`, `inv`, `CosineRestart`, `FlatCosineAnnealing`, `cyclic`, `OneCycle`, `LinearAnnealing` and `YOLOX`.',
  ],
  config: `lr_config = dict(
    _delete_=True,
    policy='CosineAnnealing',
    warmup='linear',
    warmup_iters=3,
    warmup_ratio=1.0 / 10,
    min_lr_ratio=1e-5)`,
  tab: 'Schedule',
  look: [
    { text: 'The curve of the Schedule tab has a stair an epoch; add `by_epoch=False` for a smooth one.' },
    {
      text: 'The first iteration trains with a tenth of the rate.',
      log: 'Epoch \\[1\\]\\[1/2\\]\\s+lr: 2\\.000e-03',
    },
  ],
};
