import indexText from '../modules/optimizer_index.ts?raw';
import type { LearnStep } from '../step.ts';
import { MY_OPTIMIZER } from './ownOptimizer.ts';

export const registerOptimizer: LearnStep = {
  id: 'register_optimizer',
  chapter: 'Optimizer',
  title: 'Let a run find your optimizer',
  text: [
    'A registry knows a class only after its file was imported. There are two ways to get there.',
    'The first is the folder’s `index.ts`, which stands for Python’s `__init__.py`: it imports the new file. The index files below the workspace’s `mmdet` folder run at the start of every run, so the config needs no further line.',
    'The second is `custom_imports` in the config, as in the step before. It names the module, not the class: `mmdet.core.optimizer.my_optimizer.MyOptimizer` is refused with a hint. The module may lie in any folder, as long as its dotted name is its path from the workspace’s root.',
    'The index file stays when this step is over. Delete it and every run is as before.',
  ],
  modules: [MY_OPTIMIZER, { path: 'mmdet/core/optimizer/index.ts', text: indexText }],
  config: `# No custom_imports: index.ts imports the class.
optimizer = dict(
    _delete_=True, type='MyOptimizer',
    a=0.03, b=0.9, c=0.0001)`,
  tab: 'Charts',
  look: [{ text: 'The run finds `MyOptimizer` all the same.', log: 'lr: 3\\.000e-02' }],
};
