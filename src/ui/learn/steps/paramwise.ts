import type { LearnStep } from '../step.ts';

export const paramwise: LearnStep = {
  id: 'paramwise',
  chapter: 'Optimizer',
  title: 'Settings for some parameters only',
  text: [
    '`paramwise_cfg` tells the default constructor which parameters differ. `norm_decay_mult=0.0` takes the weight decay off all normalisation layers; `bias_lr_mult`, `bias_decay_mult` and `dwconv_decay_mult` do the like for biases and depthwise convolutions.',
    '`custom_keys` goes by name. A key that is part of a parameter’s name multiplies its learning rate and weight decay; the longest such key wins, and the other rules are then left alone.',
    'So batch norm inside the backbone follows the key here, not `norm_decay_mult`.',
  ],
  config: `optimizer = dict(
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1)}))`,
  tab: 'Parameters',
  look: [
    { text: 'The Parameters tab names the rule of each parameter. Change a key and see it change.' },
    { text: 'The Schedule tab draws a curve for each learning rate.' },
    { text: 'The log shows the first group’s rate, a tenth of the base’s 0.02.', log: 'lr: 2\\.000e-03' },
  ],
};
