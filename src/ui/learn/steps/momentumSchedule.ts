import type { LearnStep } from '../step.ts';

export const momentumSchedule: LearnStep = {
  id: 'momentum_schedule',
  chapter: 'Optimizer',
  title: 'Momentum that follows the learning rate',
  text: [
    'Some models converge sooner when the learning rate rises far above its start and falls far below it, while momentum does the opposite. `momentum_config` schedules momentum as `lr_config` schedules the rate.',
    '`target_ratio` has the factors at the peak and at the end of a cycle, `step_ratio_up` the share of the cycle that goes up. Both dicts should agree on the cycle.',
    'For Adam and its kin it is the first of the two `betas` that changes.',
  ],
  config: `optimizer = dict(lr=0.002)
lr_config = dict(
    _delete_=True,
    policy='cyclic',
    target_ratio=(10, 1e-4),
    cyclic_times=1,
    step_ratio_up=0.4,
)
momentum_config = dict(
    policy='cyclic',
    target_ratio=(0.85 / 0.95, 1),
    cyclic_times=1,
    step_ratio_up=0.4,
)`,
  tab: 'Schedule',
  look: [
    { text: 'The Schedule tab draws both: the rate has its peak where momentum is lowest.' },
    { text: 'At the peak the rate is ten times the optimizer’s.', log: 'lr: 2\\.000e-02' },
  ],
};
