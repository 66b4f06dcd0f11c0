import type { LearnStep } from '../step.ts';

export const anyOptimizer: LearnStep = {
  id: 'any_optimizer',
  chapter: 'Optimizer',
  title: 'Another optimizer',
  text: [
    'Which optimizer trains the model is one entry of the config: `optimizer`. Its `type` is the name of a class of PyTorch, and every other key is an argument of that class, under the name that PyTorch gives it.',
    'So you go from SGD to Adam by changing a line. A config that inherits merges its dicts with those of its base; SGD’s `momentum`, which Adam doesn’t know, would stay. `_delete_=True` drops what the base had.',
    'Try a slip, such as `weight_decy`: the run refuses it and leads you to the place.',
  ],
  config: `optimizer = dict(
    _delete_=True, type='Adam',
    lr=0.0003, weight_decay=0.0001)`,
  tab: 'Charts',
  look: [
    {
      text: 'The log prints the whole config first. Below it each line has the learning rate that was used.',
      log: 'lr: 3\\.000e-04',
    },
    { text: 'The losses are drawn under Charts while it trains.' },
  ],
};
