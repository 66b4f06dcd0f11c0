// Optimizers whose update is a formula on each element: one rule, run by WGSL on the GPU and by TypeScript as its
// specification.

import type { ParamGroup } from './paramGroup.ts';

/** The variables of one element: `p` (parameter), `g` (gradient, read only) and each state by its key. */
export type Element<S extends string = string> = Record<S | 'p' | 'g', number>;

/** Numbers by name: hyper-parameters, or a state's scalars. */
export type Scalars<N extends string = string> = Readonly<Record<N, number>>;

/**
 * The update of one element for the options of one group.
 * @typeParam S keys of the state tensors
 * @typeParam H names of the hyper-parameters
 * @typeParam N keys of the state's numbers
 */
export interface ElementwiseRule<
  S extends string = string,
  H extends string = string,
  N extends string = string,
> {
  /** Names the rule in profiles. */
  readonly name: string;
  /** PyTorch's keys of the state tensors, in PyTorch's order. */
  readonly stateNames: readonly S[];
  /** State keys that PyTorch saves as None for these options, unless they hold something. */
  readonly emptyStates?: readonly string[];
  /** True when the state counts its steps under `step`. */
  readonly countsSteps: boolean;
  /** Numbers that each parameter's state keeps besides `step`; PyTorch rounds them to float32. */
  readonly scalars?: {
    /** Before the parameter's first step, in PyTorch's order. */
    initial(group: ParamGroup): Scalars<N>;
    /** After step number `step`. */
    next(group: ParamGroup, step: number, before: Scalars<N>): Scalars<N>;
  };
  /** Value of a fresh state tensor's elements; 0 where it isn't given. */
  initialValue?(key: string, group: ParamGroup): number;
  /** True when rows (of PyTorch's first axis) whose gradient is all zero, and their state, stay as they are. */
  readonly skipsZeroRows?: boolean;
  /**
   * Hyper-parameters of this step, computed in float64.
   * @param step 1 at the parameter's first step; without countsSteps 1 at the first and 2 afterwards
   * @param before the state's scalars before this step
   */
  hyper(group: ParamGroup, step: number, before: Scalars<N>): Scalars<H>;
  /** WGSL: `p` and the states are f32 `var`s, `g` an f32 `let`, the hyper-parameters `u.<name>`. */
  readonly wgsl: string;
  /** The same in TypeScript: changes `x.p` and the states. */
  reference(x: Element<S>, u: Scalars<H>): void;
}

/**
 * A rule whose formula is checked against the names that it declares: states, hyper-parameters, numbers.
 * @returns the rule itself
 */
export function elementwiseRule<const S extends string, H extends string, N extends string = never>(
  rule: ElementwiseRule<S, H, N>,
): ElementwiseRule<S, H, N> {
  return rule;
}

const NO_SCALARS: Scalars = {};

/** Bring the state's numbers to this step. @returns its number, and the state's scalars before it */
export function advance(
  state: Pick<ReadonlyMap<string, unknown>, 'get' | 'has'> & {
    set(key: string, value: number | null): unknown;
  },
  group: ParamGroup,
  rule: ElementwiseRule,
): { step: number; before: Scalars } {
  const { scalars } = rule;
  // A schedule may switch a momentum on later: what counts is whether the tensor is there.
  const hasState = rule.stateNames.some((key) => Boolean(state.get(key)));
  const step = rule.countsSteps ? Number(state.get('step') ?? 0) + 1 : hasState ? 2 : 1;
  if (rule.countsSteps) state.set('step', step);
  for (const key of rule.emptyStates ?? []) if (!state.has(key)) state.set(key, null);
  if (!scalars) return { step, before: NO_SCALARS };
  const before: Record<string, number> = { ...scalars.initial(group) };
  for (const key of Object.keys(before)) {
    before[key] = Math.fround(Number(state.get(key) ?? before[key]));
  }
  const after = scalars.next(group, step, before);
  for (const key of Object.keys(before)) state.set(key, Math.fround(after[key] ?? NaN));
  return { step, before };
}
