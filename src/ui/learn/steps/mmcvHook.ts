import type { LearnStep } from '../step.ts';

export const mmcvHook: LearnStep = {
  id: 'mmcv_hook',
  chapter: 'Hooks',
  title: 'A hook that is there already',
  text: [
    'Hooks of MMCV and MMDetection need no code: name them in `custom_hooks`. `EMAHook` keeps a running average of the weights, which often scores better than the weights themselves.',
    'Others are `EarlyStopping`, `CheckInvalidLossHook`, `ProfilerHook`, `SetEpochInfoHook` and `YOLOXModeSwitchHook`; FEATURES.md lists them all.',
    'A list replaces the list of the base. To keep the base’s hooks, write them again.',
  ],
  config: `custom_hooks = [
    dict(type='NumClassCheckHook'),
    dict(type='EMAHook', momentum=0.1,
         priority='ABOVE_NORMAL')
]`,
  tab: 'Charts',
  look: [
    { text: 'It stands in the log’s list of hooks.', log: '\\(ABOVE_NORMAL\\s*\\) EMAHook' },
    {
      text: 'Train with `checkpoint_config = dict(interval=1)` too: a checkpoint then holds both sets of weights.',
    },
  ],
};
