import { absent, declareArgs, dictsOf, flag, number, optional } from '../registry/args/index.ts';

/** The keys of a rule in `custom_keys`. */
export const CUSTOM_KEY_ARGS = declareArgs(
  {
    lr_mult: optional(number, 1, "Factor of the optimizer's lr."),
    decay_mult: optional(number, 1, "Factor of the optimizer's weight_decay."),
  },
  { unread: 'all' },
);

/** `optimizer.paramwise_cfg`, for DefaultOptimizerConstructor. MMCV ignores other keys. */
export const PARAMWISE_ARGS = declareArgs(
  {
    custom_keys: absent(
      dictsOf(CUSTOM_KEY_ARGS),
      'Rules for parameters whose name contains the key; the longest key decides, and no other rule counts for them.',
    ),
    bias_lr_mult: optional(
      number,
      1,
      'Factor of lr for biases, except those of norm layers and of the offset convolutions of deformable convolutions.',
    ),
    bias_decay_mult: optional(number, 1, 'Factor of weight_decay for biases, except those of norm layers.'),
    norm_decay_mult: optional(number, 1, 'Factor of weight_decay for weights and biases of norm layers.'),
    dwconv_decay_mult: optional(number, 1, 'Factor of weight_decay for depthwise convolutions.'),
    dcn_offset_lr_mult: optional(number, 1, 'Factor of lr for offsets of deformable convolutions.'),
    bypass_duplicate: optional(flag, false, 'Skip parameters that an earlier module lists already.'),
  },
  { unread: 'all' },
);
