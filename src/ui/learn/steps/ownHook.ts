import moduleText from '../modules/my_hook.ts?raw';
import type { LearnStep } from '../step.ts';

export const MY_HOOK = { path: 'mmdet/core/utils/my_hook.ts', text: moduleText };

export const ownHook: LearnStep = {
  id: 'own_hook',
  chapter: 'Hooks',
  title: 'Write a hook',
  text: [
    'A run is a loop, and at fixed places of it, its stages, it calls all its hooks. What looks like a feature of the runner, from the learning rate to the log, is a hook. With one of your own you can watch or change anything.',
    'Extend `Hook` and override the stages that you need: `beforeRun`, `afterRun`, `beforeEpoch`, `afterEpoch`, `beforeIter`, `afterIter`; `beforeTrainEpoch` and its like are for one phase only. The runner comes as the argument.',
    'As with optimizers, a line above the class registers it.',
  ],
  modules: [MY_HOOK],
  config: `custom_imports = dict(
    imports=['mmdet.core.utils.my_hook'],
    allow_failed_imports=False)
custom_hooks = [dict(type='MyHook', a=2, b=5)]`,
  tab: 'Charts',
  look: [
    {
      text: 'The hook speaks at every second iteration.',
      log: 'MyHook: iteration 4 trained with lr 0\\.\\d{5}',
    },
    { text: 'And when all is done.', log: 'MyHook: the run is over, 8 iterations' },
  ],
};
