// What `conv_cfg`, `norm_cfg` and `act_cfg` may say. Sources: mmcv 1.7.2 `cnn/bricks/{conv,norm,activation}.py`.

import {
  absent,
  atLeast,
  declareArgs,
  dictByType,
  flag,
  int,
  number,
  oneOf,
  optional,
  orNone,
  required,
  unsupported,
} from '../../registry/index.ts';

const PLAIN_CONV = declareArgs({});

/** Of a `conv_cfg`. */
export const CONV_CFG = dictByType({
  Conv2d: PLAIN_CONV,
  Conv: PLAIN_CONV,
  ConvWS: declareArgs({ eps: optional(number, 1e-5, "Added to each filter's spread.") }),
});

const requiresGrad = optional(flag, true, 'Whether scale and shift are trained.');
const eps = optional(number, 1e-5, 'Added to the variance.');

export const BATCH_NORM_ARGS = declareArgs({
  requires_grad: requiresGrad,
  eps,
  momentum: optional(
    orNone(number),
    0.1,
    "The new batch's share in the running statistics; None: their plain average.",
  ),
  affine: optional(flag, true, 'Whether there are a scale and a shift.'),
  track_running_stats: optional(flag, true, 'Whether statistics are kept for tests.'),
});

export const GROUP_NORM_ARGS = declareArgs({
  requires_grad: requiresGrad,
  num_groups: required(atLeast(int, 1), 'Groups of channels that are normalised together.'),
  eps,
  affine: absent(unsupported(true), 'Whether there are a scale and a shift; there always are.'),
});

/** Of a `norm_cfg`. With one device, synchronised batch norm is batch norm. */
export const NORM_CFG = dictByType({
  BN: BATCH_NORM_ARGS,
  SyncBN: BATCH_NORM_ARGS,
  BN2d: BATCH_NORM_ARGS,
  GN: GROUP_NORM_ARGS,
});

const inplace = absent(flag, 'Changes nothing.');
const PLAIN_ACTIVATION = declareArgs({ inplace });

/** Of an `act_cfg`. */
export const ACT_CFG = dictByType({
  ReLU: PLAIN_ACTIVATION,
  LeakyReLU: declareArgs({ inplace, negative_slope: optional(number, 0.01, 'The slope below 0.') }),
  ReLU6: PLAIN_ACTIVATION,
  SiLU: PLAIN_ACTIVATION,
  Swish: PLAIN_ACTIVATION,
  HSwish: PLAIN_ACTIVATION,
  HSigmoid: declareArgs({
    inplace,
    bias: optional(oneOf(3), 3, 'Added to x.'),
    divisor: optional(oneOf(6), 6, 'The sum is divided by it.'),
    min_value: optional(oneOf(0), 0, 'The least result.'),
    max_value: optional(oneOf(1), 1, 'The largest result.'),
  }),
  Sigmoid: PLAIN_ACTIVATION,
});

const NONE_IS_CONV2D = 'The kind of convolution; None: a plain one.';

/** The arguments by which most model parts say what layers they are made of. */
export const convCfgArg = optional(orNone(CONV_CFG), null, NONE_IS_CONV2D);
