import type { LearnStep } from '../step.ts';
import { MY_HOOK } from './ownHook.ts';

export const hookPriority: LearnStep = {
  id: 'hook_priority',
  chapter: 'Hooks',
  title: 'Use a hook, and say when its turn is',
  text: [
    '`custom_hooks` is a list of dicts: the class, its arguments, and, if you like, a `priority`. Among hooks of the same stage the higher priority goes first; equal ones go in the order in which they were registered.',
    'A priority is a number from 0, first, to 100, or one of the names `HIGHEST`, `VERY_HIGH`, `HIGH`, `ABOVE_NORMAL`, `NORMAL`, `BELOW_NORMAL`, `LOW`, `VERY_LOW`, `LOWEST`. Without one a custom hook is `NORMAL`.',
    "The built-in hooks have the priorities of today’s MMCV, where the learning rate goes early and loggers go late. `hook_priorities = 'tutorial'` gives the older table, in which all but the loggers are `NORMAL`.",
  ],
  modules: [MY_HOOK],
  config: `custom_imports = dict(
    imports=['mmdet.core.utils.my_hook'],
    allow_failed_imports=False)
a_value = 1
b_value = 4
custom_hooks = [
    dict(type='MyHook', a=a_value, b=b_value,
         priority='HIGHEST')
]`,
  tab: 'Charts',
  look: [
    {
      text: 'The log lists the hooks of each stage before training: yours is the first.',
      log: '\\(HIGHEST\\s*\\) MyHook',
    },
    { text: 'Set the priority to `VERY_LOW` and train again: its lines come after the loss.' },
  ],
};
