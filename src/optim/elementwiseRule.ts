// Optimizers whose update is a formula on each element: one rule, run by WGSL on the GPU and by TypeScript as its
// specification.

import { runElementwise, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { Optimizer, type ParamGroup } from './optimizer.ts';

/** The variables of one element: `p` (parameter), `g` (gradient, read only) and each state by its key. */
export type Element = Record<string, number>;

/** Numbers by name: hyper-parameters, or a state's scalars. */
export type Scalars = Readonly<Record<string, number>>;

/** The update of one element for the options of one group. */
export interface ElementwiseRule {
  /** Names the rule in profiles. */
  readonly name: string;
  /** PyTorch's keys of the state tensors, in PyTorch's order. */
  readonly stateNames: readonly string[];
  /** State keys that PyTorch saves as None for these options, unless they hold something. */
  readonly emptyStates?: readonly string[];
  /** True when the state counts its steps under `step`. */
  readonly countsSteps: boolean;
  /** Numbers that each parameter's state keeps besides `step`; PyTorch rounds them to float32. */
  readonly scalars?: {
    /** Before the parameter's first step, in PyTorch's order. */
    initial(group: ParamGroup): Scalars;
    /** After step number `step`. */
    next(group: ParamGroup, step: number, before: Scalars): Scalars;
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
  hyper(group: ParamGroup, step: number, before: Scalars): Scalars;
  /** WGSL: `p` and the states are f32 `var`s, `g` an f32 `let`, the hyper-parameters `u.<name>`. */
  readonly wgsl: string;
  /** The same in TypeScript: changes `x.p` and the states. */
  reference(x: Element, u: Scalars): void;
}

/** An optimizer that is an {@link ElementwiseRule}. */
export abstract class ElementwiseOptimizer extends Optimizer {
  /** The rule for a group's options. */
  abstract ruleFor(group: ParamGroup): ElementwiseRule;

  override step(): void {
    for (const group of this.paramGroups) {
      const rule = this.ruleFor(group);
      for (const param of group.params) if (param.grad) this.#update(param, param.grad, group, rule);
    }
  }

  #update(param: Parameter, grad: Tensor, group: ParamGroup, rule: ElementwiseRule): void {
    const state = this.stateOf(param);
    const hyper = advance(state, group, rule);
    const writes: Record<string, Tensor> = { p: param.variable };
    for (const key of rule.stateNames) {
      writes[key] = this.stateTensor(param, key, rule.initialValue?.(key, group));
    }
    runElementwise({
      name: rule.name,
      body: rule.skipsZeroRows ? inTouchedRows(param, rule.wgsl) : rule.wgsl,
      reads: { g: grad },
      writes,
      uniforms: hyper,
    });
  }
}

/** Bring the state's numbers to this step and give the hyper-parameters. */
function advance(
  state: Pick<ReadonlyMap<string, unknown>, 'get' | 'has'> & {
    set(key: string, value: number | null): unknown;
  },
  group: ParamGroup,
  rule: ElementwiseRule,
): Scalars {
  const { scalars } = rule;
  // A schedule may switch a momentum on later: what counts is whether the tensor is there.
  const hasState = rule.stateNames.some((key) => Boolean(state.get(key)));
  const step = rule.countsSteps ? Number(state.get('step') ?? 0) + 1 : hasState ? 2 : 1;
  if (rule.countsSteps) state.set('step', step);
  for (const key of rule.emptyStates ?? []) if (!state.has(key)) state.set(key, null);
  if (!scalars) return rule.hyper(group, step, {});
  const before: Record<string, number> = { ...scalars.initial(group) };
  for (const key of Object.keys(before)) {
    before[key] = Math.fround(Number(state.get(key) ?? before[key]));
  }
  const after = scalars.next(group, step, before);
  for (const key of Object.keys(before)) state.set(key, Math.fround(after[key]));
  return rule.hyper(group, step, before);
}

/** How the elements of a row lie in the GPU's layout: element c of row r is at `r rowStride + c columnStride`. */
function rowLayout(param: Parameter): { rows: number; columns: number; isStrided: boolean } {
  const rows = param.shape[0] ?? 1;
  // The first axis is the last one in the layouts of convolutions and linear layers.
  return { rows, columns: param.size / rows, isStrided: param.layout !== 'plain' };
}

function inTouchedRows(param: Parameter, body: string): string {
  const { rows, columns, isStrided } = rowLayout(param);
  const at = isStrided ? `c * ${rows}u + i % ${rows}u` : `i / ${columns}u * ${columns}u + c`;
  return `
  var isTouched = false;
  for (var c = 0u; c < ${columns}u && !isTouched; c++) { isTouched = g_data[${at}] != 0.0; }
  if (isTouched) { ${body} }`;
}

function touchedRows(param: Parameter, grad: ArrayLike<number>): (i: number) => boolean {
  const { rows, columns, isStrided } = rowLayout(param);
  const rowOf = (i: number): number => (isStrided ? i % rows : Math.floor(i / columns));
  const touched = new Set<number>();
  for (let i = 0; i < grad.length; i++) if (grad[i] !== 0) touched.add(rowOf(i));
  return (i) => touched.has(rowOf(i));
}

type Floats = Float32Array | Float64Array;

/** State of one parameter in the reference: arrays of the parameter's kind, numbers, or null. */
export type ReferenceState = Map<string, Floats | number | null>;

/**
 * One step of the specification on plain arrays, in place.
 * @param values of each parameter, in its GPU layout; their kind (float32 or float64) decides the state's
 * @param grads of each parameter, likewise; null where there is none; borrowed
 * @param states of each parameter; filled in
 */
export function referenceStep(
  optimizer: ElementwiseOptimizer,
  values: ReadonlyMap<Parameter, Floats>,
  grads: ReadonlyMap<Parameter, ArrayLike<number> | null>,
  states: Map<Parameter, ReferenceState>,
): void {
  for (const group of optimizer.paramGroups) {
    const rule = optimizer.ruleFor(group);
    for (const param of group.params) {
      const grad = grads.get(param);
      const value = values.get(param);
      if (!grad || !value) continue;
      const state: ReferenceState = states.get(param) ?? new Map<string, Floats | number | null>();
      states.set(param, state);
      const hyper = advance(state, group, rule);
      const arrays = rule.stateNames.map((key): [string, Floats] => {
        const existing = state.get(key);
        if (existing && typeof existing !== 'number') return [key, existing];
        const fresh =
          value instanceof Float32Array ? new Float32Array(value.length) : new Float64Array(value.length);
        fresh.fill(rule.initialValue?.(key, group) ?? 0);
        state.set(key, fresh);
        return [key, fresh];
      });
      const isTouched = rule.skipsZeroRows ? touchedRows(param, grad) : undefined;
      for (let i = 0; i < value.length; i++) {
        if (isTouched && !isTouched(i)) continue;
        const x: Element = { p: value[i], g: grad[i] };
        for (const [key, array] of arrays) x[key] = array[i];
        rule.reference(x, hyper);
        value[i] = x.p;
        for (const [key, array] of arrays) array[i] = x[key];
      }
    }
  }
}
