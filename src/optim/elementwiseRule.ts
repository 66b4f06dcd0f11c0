// Optimizers whose update is a formula on each element: one rule, run by WGSL on the GPU and by TypeScript as its
// specification.

import { runElementwise, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { Optimizer, type ParamGroup } from './optimizer.ts';

/** The variables of one element: `p` (parameter), `g` (gradient, read only) and each state by its key. */
export type Element = Record<string, number>;

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
  /**
   * Hyper-parameters of this step, computed in float64.
   * @param step 1 at the parameter's first step; without countsSteps 1 at the first and 2 afterwards
   */
  hyper(group: ParamGroup, step: number): Readonly<Record<string, number>>;
  /** WGSL: `p` and the states are f32 `var`s, `g` an f32 `let`, the hyper-parameters `u.<name>`. */
  readonly wgsl: string;
  /** The same in TypeScript: changes `x.p` and the states. */
  reference(x: Element, u: Readonly<Record<string, number>>): void;
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
    const step = nextStep(state, rule);
    if (rule.countsSteps) state.set('step', step);
    for (const key of rule.emptyStates ?? []) if (!state.has(key)) state.set(key, null);
    const writes: Record<string, Tensor> = { p: param.variable };
    for (const key of rule.stateNames) writes[key] = this.stateTensor(param, key);
    runElementwise({
      name: rule.name,
      body: rule.wgsl,
      reads: { g: grad },
      writes,
      uniforms: rule.hyper(group, step),
    });
  }
}

function nextStep(state: ReadonlyMap<string, unknown>, rule: ElementwiseRule): number {
  if (rule.countsSteps) return Number(state.get('step') ?? 0) + 1;
  // A schedule may switch a momentum on later: what counts is whether the tensor is there.
  return rule.stateNames.some((key) => Boolean(state.get(key))) ? 2 : 1;
}

type Floats = Float32Array | Float64Array;

/** State of one parameter in the reference: arrays of the parameter's kind, the step count, or null. */
export type ReferenceState = Map<string, Floats | number | null>;

/**
 * One step of the specification on plain arrays, in place.
 * @param values of each parameter; their kind (float32 or float64) decides the state's
 * @param grads of each parameter; null where there is none; borrowed
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
      const step = nextStep(state, rule);
      if (rule.countsSteps) state.set('step', step);
      for (const key of rule.emptyStates ?? []) if (!state.has(key)) state.set(key, null);
      const arrays = rule.stateNames.map((key): [string, Floats] => {
        const existing = state.get(key);
        if (existing && typeof existing !== 'number') return [key, existing];
        const fresh =
          value instanceof Float32Array ? new Float32Array(value.length) : new Float64Array(value.length);
        state.set(key, fresh);
        return [key, fresh];
      });
      const hyper = rule.hyper(group, step);
      for (let i = 0; i < value.length; i++) {
        const x: Element = { p: value[i], g: grad[i] };
        for (const [key, array] of arrays) x[key] = array[i];
        rule.reference(x, hyper);
        value[i] = x.p;
        for (const [key, array] of arrays) array[i] = x[key];
      }
    }
  }
}
