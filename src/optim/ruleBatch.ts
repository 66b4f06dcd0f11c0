// One rule's share of a step: a single dispatch, with a row of hyper-parameters for parameters that have the same.

import { ArenaRows, NO_ROW, updateArenas, type Arena } from '../gpu/index.ts';
import type { ElementwiseRule, Scalars } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import type { ParameterPool } from './parameterPool.ts';

/** The parameters that one rule updates in a step, and their hyper-parameters. */
export class RuleBatch {
  readonly #rule: ElementwiseRule;
  readonly #rowOfPart: Int32Array;
  #rows: ArenaRows | null = null;
  #fields: readonly string[] = [];
  #rowCount = 0;
  #values: number[] = [];
  #last: { readonly group: ParamGroup; readonly step: number; readonly before: Scalars } | null = null;

  constructor(pool: ParameterPool, rule: ElementwiseRule) {
    this.#rule = rule;
    this.#rowOfPart = new Int32Array(pool.parameters.length).fill(NO_ROW);
  }

  clear(): void {
    this.#rowOfPart.fill(NO_ROW);
    this.#values = [];
    this.#rowCount = 0;
    this.#last = null;
  }

  /** Update the pool's parameter `index` in this step; the arguments are those of the rule's `hyper`. */
  add(index: number, group: ParamGroup, step: number, before: Scalars): void {
    const last = this.#last;
    if (last?.group !== group || last.step !== step || !isSame(last.before, before)) {
      const hyper = this.#rule.hyper(group, step, before);
      if (this.#fields.length === 0) this.#fields = Object.keys(hyper);
      for (const field of this.#fields) this.#values.push(hyper[field] ?? NaN);
      this.#rowCount += 1;
      this.#last = { group, step, before };
    }
    this.#rowOfPart[index] = this.#rowCount - 1;
  }

  run(pool: ParameterPool, stateArena: (key: string) => Arena): void {
    if (this.#rowCount === 0) return;
    this.#rows ??= new ArenaRows(pool.values, this.#fields);
    this.#rows.set(this.#rowOfPart, this.#values);
    const { name, wgsl, stateNames } = this.#rule;
    const states = stateNames.map((key): [string, Arena] => [key, stateArena(key)]);
    updateArenas({
      name,
      body: wgsl,
      reads: { g: pool.grads },
      writes: { p: pool.values, ...Object.fromEntries(states) },
      rows: this.#rows,
    });
  }

  dispose(): void {
    this.#rows?.dispose();
  }
}

function isSame(a: Scalars, b: Scalars): boolean {
  return a === b || Object.keys(b).every((key) => Object.is(a[key], b[key]));
}
