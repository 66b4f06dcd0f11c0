import moduleText from '../modules/my_optimizer.ts?raw';
import type { LearnStep } from '../step.ts';

export const MY_OPTIMIZER = { path: 'mmdet/core/optimizer/my_optimizer.ts', text: moduleText };

export const ownOptimizer: LearnStep = {
  id: 'own_optimizer',
  chapter: 'Optimizer',
  title: 'Write an optimizer of your own',
  text: [
    'An optimizer is a class. In Python it would be a file in `mmdet/core/optimizer`; here it is its twin in TypeScript, in the same folder of your workspace.',
    'The class extends `Optimizer`. Its constructor takes the parameters and whatever arguments you invent, here `a`, `b` and `c`; `step()` changes the parameters with tensor operations. What `stateTensor` makes is kept from step to step and saved in checkpoints.',
    '`@OPTIMIZERS.registerModule()` puts the class into the registry under its name. Only then can a config ask for it.',
    'The editor knows the types: hold the pointer over a name, or press Ctrl+Space.',
  ],
  modules: [MY_OPTIMIZER],
  config: `custom_imports = dict(
    imports=['mmdet.core.optimizer.my_optimizer'],
    allow_failed_imports=False)
optimizer = dict(
    _delete_=True, type='MyOptimizer',
    a=0.01, b=0.9, c=0.0001)`,
  tab: 'Charts',
  look: [
    { text: 'It is used like any other one: the warm-up ends at its step size `a`.', log: 'lr: 1\\.000e-02' },
    { text: 'Throw an error in `step()` and train again: the problem list leads to your line.' },
  ],
};
