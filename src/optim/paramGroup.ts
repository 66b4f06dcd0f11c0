// A parameter group and the state of its parameters, in PyTorch's words.
import type { Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';

/** A parameter group: PyTorch's keys, of which schedules change `lr`, `momentum` and `betas` between steps. */
export interface ParamGroup {
  readonly params: readonly Parameter[];
  lr: number;
  initial_lr?: number;
  momentum?: number;
  betas?: readonly number[];
  weight_decay?: number;
  [option: string]: unknown;
}

/**
 * State of one parameter by PyTorch's keys: tensors in the parameter's GPU layout (owned by the optimizer), numbers
 * (`step`), or null.
 */
export type ParamState = Map<string, Tensor | number | null>;

/** Groups as a config or an optimizer constructor gives them. */
export type GroupInput = { readonly params: readonly Parameter[] } & Readonly<Record<string, unknown>>;

/** PyTorch's number of each parameter: shared ones keep one index. */
export function parameterIndices(groups: readonly ParamGroup[]): Map<Parameter, number> {
  const indices = new Map<Parameter, number>();
  let start = 0;
  for (const { params } of groups) {
    const fresh = new Map<Parameter, number>();
    // PyTorch builds the group's map in one go, so a parameter that is listed twice gets its last place.
    params.forEach((param, i) => {
      if (!indices.has(param)) fresh.set(param, start + i);
    });
    for (const [param, index] of fresh) indices.set(param, index);
    start += params.length;
  }
  return indices;
}
