// The specification of elementwise optimizers, run on plain arrays.

import type { Parameter } from '../nn/index.ts';
import type { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { advance, type Element } from './elementwiseRule.ts';
import { touchedRows } from './touchedRows.ts';
import { at } from '../util/at.ts';

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
      const { step, before } = advance(state, group, rule);
      const hyper = rule.hyper(group, step, before);
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
        const x: Element = { p: at(value, i), g: at(grad, i) };
        for (const [key, array] of arrays) x[key] = at(array, i);
        rule.reference(x, hyper);
        value[i] = x.p ?? NaN;
        for (const [key, array] of arrays) array[i] = x[key] ?? NaN;
      }
    }
  }
}
