// Runs elementwise rules over all parameters at once.

import {
  allocating,
  canUpdateArenas,
  copyTensors,
  dispose,
  runElementwise,
  tensor,
  type Arena,
  type Tensor,
} from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { advance, type ElementwiseRule, type Scalars } from './elementwiseRule.ts';
import { Optimizer, STATE_NEED } from './optimizer.ts';
import type { ParamGroup } from './paramGroup.ts';
import type { ParameterPool } from './parameterPool.ts';
import { RuleBatch } from './ruleBatch.ts';
import { inTouchedRows } from './touchedRows.ts';
import { at } from '../util/at.ts';

/**
 * An optimizer that is an {@link ElementwiseRule}: all parameters of all groups are updated in one dispatch per rule,
 * however many they are.
 */
export abstract class ElementwiseOptimizer extends Optimizer {
  /** State tensors of the packed parameters by key, in the pool's layout. */
  readonly #stateArenas = new Map<string, Arena>();
  /** Parts of them that have been used since they were made of zeros. */
  readonly #usedParts = new WeakSet<Tensor>();
  readonly #batches = new Map<string, RuleBatch>();

  /** The rule for a group's options. */
  abstract ruleFor(group: ParamGroup): ElementwiseRule;

  protected override stateNamesOf(group: ParamGroup): readonly string[] {
    return this.ruleFor(group).stateNames;
  }

  override step(): void {
    this.prepare();
    const { pool } = this;
    pool?.copyGrads();
    for (const batch of this.#batches.values()) batch.clear();
    for (const group of this.paramGroups) {
      const rule = this.ruleFor(group);
      for (const param of group.params) {
        const { grad } = param;
        if (!grad) continue;
        const { step, before } = advance(this.stateOf(param), group, rule);
        const index = pool?.indexOf(param);
        if (!pool || index === undefined || !isPackable(rule)) {
          this.#updateAlone(param, grad, group, rule, rule.hyper(group, step, before));
          continue;
        }
        const batch = this.#batchOf(pool, rule);
        batch.add(index, group, step, before);
        for (const key of rule.stateNames) this.stateTensor(param, key, rule.initialValue?.(key, group));
      }
    }
    if (!pool) return;
    for (const batch of this.#batches.values()) batch.run(pool, (key) => this.#stateArena(pool, key));
  }

  /** State that was there before the parameters were packed moves along. */
  override prepare(): void {
    if (this.isPrepared) return;
    super.prepare();
    const { pool } = this;
    for (const param of pool?.parameters ?? []) {
      const state = this.state.get(param);
      for (const [key, value] of state ?? []) {
        const part = isTensor(value) ? this.#partOf(param, key) : null;
        if (!state || !part || !isTensor(value)) continue;
        copyTensors([{ from: value, to: part }]);
        state.set(key, part);
        dispose(value);
      }
    }
  }

  protected override stateKeys(_param: Parameter, group: ParamGroup): readonly string[] {
    return this.ruleFor(group).stateNames;
  }

  protected override makeState(
    param: Parameter,
    key: string,
    data: Float32Array,
    shape: readonly number[],
  ): Tensor {
    const part = this.#partOf(param, key);
    if (!part) return super.makeState(param, key, data, shape);
    if (!this.#usedParts.has(part) && data.every((value) => value === 0)) {
      this.#usedParts.add(part);
      return part;
    }
    this.#usedParts.add(part);
    const values = tensor(data, part.shape, 'float32');
    copyTensors([{ from: values, to: part }]);
    dispose(values);
    return part;
  }

  protected override disposeState(): void {
    super.disposeState();
    for (const arena of this.#stateArenas.values()) arena.dispose();
    this.#stateArenas.clear();
  }

  override dispose(): void {
    super.dispose();
    for (const batch of this.#batches.values()) batch.dispose();
    this.#batches.clear();
  }

  #partOf(param: Parameter, key: string): Tensor | null {
    const { pool } = this;
    const index = pool?.indexOf(param);
    return pool && index !== undefined ? at(this.#stateArena(pool, key).parts, index) : null;
  }

  #stateArena(pool: ParameterPool, key: string): Arena {
    let arena = this.#stateArenas.get(key);
    if (!arena) {
      arena = allocating(STATE_NEED, () => pool.createArena());
      this.#stateArenas.set(key, arena);
    }
    return arena;
  }

  #batchOf(pool: ParameterPool, rule: ElementwiseRule): RuleBatch {
    // A rule may be made anew at each call: what counts is what it says.
    const key = `${rule.name}|${rule.stateNames.join()}|${rule.wgsl}`;
    let batch = this.#batches.get(key);
    if (!batch) this.#batches.set(key, (batch = new RuleBatch(pool, rule)));
    return batch;
  }

  #updateAlone(
    param: Parameter,
    grad: Tensor,
    group: ParamGroup,
    rule: ElementwiseRule,
    hyper: Scalars,
  ): void {
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

function isPackable(rule: ElementwiseRule): boolean {
  return !rule.skipsZeroRows && canUpdateArenas(2 + rule.stateNames.length);
}

function isTensor(value: Tensor | number | null | undefined): value is Tensor {
  return typeof value === 'object' && value !== null;
}
