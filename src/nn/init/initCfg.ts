// What an `init_cfg` may say. Source: mmcv 1.7.2 `cnn/utils/weight_init.py`.

import {
  absent,
  declareArgs,
  dictByType,
  dictOf,
  number,
  oneOf,
  oneOrMore,
  optional,
  orNone,
  required,
  str,
  type ArgTable,
  type DeclaredArgs,
  type Fault,
  type Kind,
} from '../../registry/index.ts';
import { isDict } from '../../lang/plain.ts';

const common = {
  layer: absent(orNone(oneOrMore(str)), 'Names of the layer classes that it touches.'),
  bias: optional(number, 0, 'What biases start at.'),
  bias_prob: absent(orNone(number), 'Biases start where a sigmoid gives this probability.'),
} as const;
const distribution = optional(oneOf('normal', 'uniform'), 'normal', 'How the values are drawn.');

const WEIGHT_ARGS = {
  Constant: { ...common, val: required(number, 'The value of all weights.') },
  Xavier: { ...common, gain: optional(number, 1, 'Factor of the spread.'), distribution },
  Normal: { ...common, mean: optional(number, 0, 'The mean.'), std: optional(number, 1, 'The spread.') },
  TruncNormal: {
    ...common,
    mean: optional(number, 0, 'The mean.'),
    std: optional(number, 1, 'The spread.'),
    a: optional(number, -2, 'The least value.'),
    b: optional(number, 2, 'The largest value.'),
  },
  Uniform: {
    ...common,
    a: optional(number, 0, 'The least value.'),
    b: optional(number, 1, 'The largest value.'),
  },
  Kaiming: {
    ...common,
    a: optional(number, 0, 'Slope of a leaky ReLU below 0.'),
    mode: optional(oneOf('fan_in', 'fan_out'), 'fan_out', 'Which side keeps its spread.'),
    nonlinearity: optional(
      oneOf('relu', 'leaky_relu', 'linear', 'sigmoid', 'tanh', 'selu'),
      'relu',
      'What follows the layer.',
    ),
    distribution,
  },
  Caffe2Xavier: common,
  Pretrained: {
    checkpoint: required(str, 'A .pth file of the workspace.'),
    prefix: optional(orNone(str), null, 'Only names that begin with it are taken, without it.'),
    map_location: absent(orNone(str), 'Changes nothing.'),
  },
} as const satisfies Readonly<Record<string, ArgTable>>;

function tablesWith(more: ArgTable): Record<string, DeclaredArgs> {
  const entries = Object.entries(WEIGHT_ARGS).map(([type, table]): [string, DeclaredArgs] => [
    type,
    declareArgs(type === 'Pretrained' && !('name' in more) ? table : { ...table, ...more }),
  ]);
  return Object.fromEntries(entries);
}

const name = required(str, 'The attribute that is touched, whole.');
const NAME_ALONE = dictOf(declareArgs({ name }));
const OWN = dictByType(tablesWith({ name }));
const overrideFaults = (value: unknown): Fault[] => {
  const hasOwnKeys = isDict(value) && Object.keys(value).some((key) => key !== 'name');
  return (hasOwnKeys ? OWN : NAME_ALONE).faults?.(value) ?? [];
};
const OVERRIDE: Kind<Readonly<Record<string, unknown>>> = {
  ...OWN,
  faults: overrideFaults,
  fault: (value) => overrideFaults(value)[0] ?? null,
};

/** Of an `init_cfg`: a dict, or several. */
export const INIT_CFG = oneOrMore(
  dictByType(
    tablesWith({
      override: absent(orNone(oneOrMore(OVERRIDE)), 'Other starting values for single attributes.'),
    }),
  ),
);

/** Every module's `init_cfg`. */
export const initCfgArg = optional(
  orNone(INIT_CFG),
  null,
  "What weights start at; None: the class's own way.",
);
