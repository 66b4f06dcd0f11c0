import type { LearnStep } from '../step.ts';
import { MY_OPTIMIZER } from './ownOptimizer.ts';

export const useOptimizer: LearnStep = {
  id: 'use_optimizer',
  chapter: 'Optimizer',
  title: 'Name your optimizer in the config',
  text: [
    'In the config your class stands where `SGD` stood: `type` is its name, and its arguments follow by their names. Names of several words are written `like_this` in a config and arrive `likeThis` in TypeScript.',
    'A config is a program: values may have names of their own, as here `a_value`.',
    'A missing argument, or one that the constructor doesn’t take, is told before anything is trained.',
  ],
  modules: [MY_OPTIMIZER],
  config: `custom_imports = dict(
    imports=['mmdet.core.optimizer.my_optimizer'],
    allow_failed_imports=False)
a_value = 0.005
b_value = 0.8
c_value = 0.0
optimizer = dict(
    _delete_=True, type='MyOptimizer',
    a=a_value, b=b_value, c=c_value)`,
  tab: 'Parameters',
  look: [
    {
      text: 'The Parameters tab has `a`, `b` and `c` as learning rate, momentum and weight decay of every tensor.',
    },
    { text: 'The log has `a` behind the warm-up.', log: 'lr: 5\\.000e-03' },
  ],
};
