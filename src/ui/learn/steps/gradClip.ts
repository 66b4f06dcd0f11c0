import type { LearnStep } from '../step.ts';

export const gradClip: LearnStep = {
  id: 'grad_clip',
  chapter: 'Optimizer',
  title: 'Clip gradients',
  text: [
    'A single bad batch can have a gradient so large that training never recovers. With `grad_clip` all gradients together are scaled down when their norm passes `max_norm`.',
    '`norm_type=2` is the usual length; any other norm works too, `float("inf")` for the largest element.',
    'The base config sets `optimizer_config` already. `_delete_=True` replaces its dict instead of merging into it.',
  ],
  config: `optimizer_config = dict(
    _delete_=True,
    grad_clip=dict(max_norm=35, norm_type=2))`,
  tab: 'Charts',
  look: [
    {
      text: 'Each line of the log now has the norm before clipping. Lower `max_norm` below it and training slows down.',
      log: 'grad_norm: [\\d.]+',
    },
  ],
};
