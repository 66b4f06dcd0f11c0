import type { ArgKind } from '../registry/argKinds.ts';

/** What the arguments of PyTorch's optimizers must be; a name means the same kind in each, but for Adafactor's `eps`. */
export const OPTIMIZER_KINDS = {
  lr: 'number',
  momentum: 'number',
  dampening: 'number',
  weight_decay: 'number',
  nesterov: 'flag',
  maximize: 'flag',
  foreach: 'flag?',
  capturable: 'flag',
  differentiable: 'flag',
  fused: 'flag?',
  betas: 'numbers',
  eps: 'number',
  amsgrad: 'flag',
  decoupled_weight_decay: 'flag',
  momentum_decay: 'number',
  alpha: 'number',
  centered: 'flag',
  rho: 'number',
  lr_decay: 'number',
  initial_accumulator_value: 'number',
  lambd: 'number',
  t0: 'number',
  etas: 'numbers',
  step_sizes: 'numbers',
  max_iter: 'number',
  max_eval: 'number?',
  tolerance_grad: 'number',
  tolerance_change: 'number',
  history_size: 'number',
  line_search_fn: 'str?',
  beta2_decay: 'number',
  d: 'number',
  ns_coefficients: 'numbers',
  ns_steps: 'number',
  adjust_lr_fn: 'str?',
} as const satisfies Readonly<Record<string, ArgKind>>;

/** Options of groups that are real numbers in Python: 1 must not be saved as an int. Schedules add the last ones. */
const FLOAT_OPTIONS: readonly string[] = [
  'lr',
  'betas',
  'eps',
  'momentum_decay',
  'alpha',
  'rho',
  'lambd',
  't0',
  'etas',
  'step_sizes',
  'tolerance_grad',
  'tolerance_change',
  'beta2_decay',
  'd',
  'ns_coefficients',
  'initial_lr',
  'initial_momentum',
  'base_momentum',
  'max_momentum',
];
/** Those whose default is the int 0 with PyTorch. */
const FLOATS_OR_ZERO: readonly string[] = [
  'momentum',
  'dampening',
  'weight_decay',
  'lr_decay',
  'initial_accumulator_value',
];

/** Whether PyTorch would hold a float under this option of a parameter group. */
export function isFloatOption(key: string, value: unknown): boolean {
  return FLOAT_OPTIONS.includes(key) || (FLOATS_OR_ZERO.includes(key) && value !== 0);
}
