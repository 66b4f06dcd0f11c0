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
