// An optimizer's state as PyTorch's `state_dict()` has it, and whether a saved one fits.

import { CheckpointError } from '../errors/trainerError.ts';
import type { Parameter, StateTensor } from '../nn/index.ts';
import { Tuple } from '../util/tuple.ts';
import type { ParamGroup } from './paramGroup.ts';
import { at } from '../util/at.ts';

/** A value of a saved state. */
export type StateValue = StateTensor | number | null | readonly StateValue[];

/** An optimizer's state as PyTorch's `state_dict()` has it; tensors in PyTorch's axes. */
export interface OptimizerStateDict {
  /** By parameter index; parameters that never had a gradient are missing. */
  state: Map<number, Map<string, StateValue>>;
  /** The groups' options, with parameter indices under `params`. */
  param_groups: Record<string, unknown>[];
}

/** A copy; lists become tuples. */
export function cloneOptions(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      // PyTorch's betas are a tuple, whatever the config wrote.
      if (Array.isArray(value)) return [key, Tuple.of<unknown>(...(value as unknown[]))];
      return [key, value];
    }),
  );
}

/**
 * Saved index -> our parameter, group by group.
 * @throws CheckpointError `optimizer-mismatch`
 */
export function matchGroups(
  groups: readonly ParamGroup[],
  dict: OptimizerStateDict,
  indices: ReadonlyMap<Parameter, number>,
): Map<number, Parameter> {
  const saved = dict.param_groups;
  if (saved.length !== groups.length) {
    throw stateMismatch(`${groups.length} parameter groups, but the checkpoint has ${saved.length}`);
  }
  const ofSaved = new Map<number, Parameter>();
  groups.forEach(({ params }, g) => {
    const list: unknown = at(saved, g).params;
    const count = Array.isArray(list) ? list.length : 0;
    if (!Array.isArray(list) || count !== params.length) {
      throw stateMismatch(`${params.length} parameters in group ${g}, but the checkpoint has ${count}`);
    }
    params.forEach((param, i) => {
      if (indices.has(param)) ofSaved.set(Number(list[i]), param);
    });
  });
  return ofSaved;
}

/** False for numbers, null and lists. */
export function isStateTensor(value: StateValue | undefined): value is StateTensor {
  return typeof value === 'object' && value !== null && 'data' in value;
}

/** Says that a checkpoint's optimizer is another one. @param rest what must be found, and what was */
export function stateMismatch(rest: string): CheckpointError {
  return new CheckpointError(`the optimizer must find ${rest}`, {
    code: 'optimizer-mismatch',
    hint: 'was the checkpoint saved with another model or another paramwise_cfg? load_from takes the weights only',
  });
}

const OTHER_OPTIMIZER = 'was the checkpoint saved with another optimizer? load_from takes the weights only';

/** Says that saved groups are those of another optimizer. @param missing what they lack @param found what they have */
export function missingOptions(
  className: string,
  missing: readonly string[],
  found: readonly string[],
): CheckpointError {
  return new CheckpointError(
    `${className} must find ${missing.join(', ')} in the saved parameter groups, but they have only ${found.join(', ')}`,
    { code: 'optimizer-mismatch', hint: OTHER_OPTIMIZER },
  );
}

/**
 * Check that the saved state of a parameter is this optimizer's; one that was never stepped has none.
 * @throws CheckpointError `optimizer-mismatch`
 */
export function checkStateNames(
  className: string,
  expected: readonly string[],
  entries: ReadonlyMap<string, StateValue> | undefined,
): void {
  if (!entries || entries.size === 0) return;
  const missing = expected.filter((name) => !entries.has(name));
  if (missing.length === 0) return;
  throw new CheckpointError(
    `${className} must find ${missing.join(', ')} in the saved state, but that has only ${[...entries.keys()].join(', ')}`,
    { code: 'optimizer-mismatch', hint: OTHER_OPTIMIZER },
  );
}
