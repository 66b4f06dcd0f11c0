import moduleText from '../modules/my_optimizer_constructor.ts?raw';
import type { LearnStep } from '../step.ts';

export const optimizerConstructor: LearnStep = {
  id: 'optimizer_constructor',
  chapter: 'Optimizer',
  title: 'An optimizer constructor',
  text: [
    'Not every parameter should train alike: weight decay does no good to batch norm, and a new head may learn faster than a trained backbone. Between the model and the optimizer stands a constructor that makes such groups.',
    'Yours is a class in `OPTIMIZER_BUILDERS` with a method `call(model)` that returns the optimizer. Each group is a list of parameters with options of its own; what a group leaves out comes from the config.',
    'The built-in `DefaultOptimizerConstructor` can do most of it from the config alone: that is the next step.',
  ],
  modules: [{ path: 'mmdet/core/optimizer/my_optimizer_constructor.ts', text: moduleText }],
  config: `custom_imports = dict(
    imports=['mmdet.core.optimizer.my_optimizer_constructor'],
    allow_failed_imports=False)
optimizer = dict(constructor='MyOptimizerConstructor')`,
  tab: 'Parameters',
  look: [
    {
      text: 'The Parameters tab names the constructor as what decided, and shows three kinds of parameters.',
    },
    { text: 'The Schedule tab draws the two learning rates.' },
    { text: 'The log starts with the resolved config.', log: "constructor='MyOptimizerConstructor'" },
  ],
};
