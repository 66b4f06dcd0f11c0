import indexText from '../modules/hook_index.ts?raw';
import type { LearnStep } from '../step.ts';
import { MY_HOOK } from './ownHook.ts';

export const registerHook: LearnStep = {
  id: 'register_hook',
  chapter: 'Hooks',
  title: 'Let a run find your hook',
  text: [
    'The two ways are those of optimizers: an `index.ts` in the hook’s folder, which every run imports, or `custom_imports` in the configs that need it.',
    'Prefer `custom_imports` for what only some configs use: a config then says itself what it depends on. With `allow_failed_imports=True` a module that can’t be imported is a warning, not an error.',
  ],
  modules: [MY_HOOK, { path: 'mmdet/core/utils/index.ts', text: indexText }],
  config: `# No custom_imports: index.ts imports the class.
custom_hooks = [dict(type='MyHook', a=4, b=3)]`,
  tab: 'Charts',
  look: [
    {
      text: 'The hook is found without a further line.',
      log: 'MyHook: iteration 8 trained with lr 0\\.\\d{3}',
    },
  ],
};
