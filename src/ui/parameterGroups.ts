// Tensors as the Parameters tab gathers them: by the module that holds them, and by what they train with.

import type { Plan, PlannedParameter } from '../worker/protocol.ts';
import { formatValue } from './format.ts';

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface ParameterGroup<T extends Tensor> {
  /** First two parts of the names in it: `backbone.layer1`. */
  readonly name: string;
  readonly rows: readonly T[];
  /** Values in all its tensors. */
  readonly count: number;
}

/** Gather tensors by the module that holds them, in the order in which they come. */
export function groupByModule<T extends Tensor>(rows: readonly T[]): ParameterGroup<T>[] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const parts = row.name.split('.');
    const name = parts.slice(0, Math.min(2, Math.max(1, parts.length - 1))).join('.');
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return [...groups].map(([name, own]) => ({
    name,
    rows: own,
    count: own.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  }));
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** `64 × 3 × 7 × 7`. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join(' × ');
}

/** A parameter with what it trains with, as text; a dash where there is nothing. */
export interface ParameterRow extends PlannedParameter {
  /** `frozen` for a parameter that is not trained. */
  readonly lr: string;
  readonly weightDecay: string;
  /** SGD's momentum, or Adam's betas. */
  readonly momentum: string;
  /** What decided: a rule of the optimizer's constructor, or what froze it. */
  readonly decidedBy: string;
}

/** Parameters that train with the same values for the same reason. */
export interface Setting {
  readonly decidedBy: string;
  readonly lr: string;
  readonly weightDecay: string;
  readonly momentum: string;
  readonly isFrozen: boolean;
  readonly tensors: number;
  readonly values: number;
}

const NOTHING = '–';

/** Every parameter of a plan with its group's values. */
export function parameterRows({ parameters, groups }: Pick<Plan, 'parameters' | 'groups'>): ParameterRow[] {
  return parameters.map((parameter) => {
    const group = parameter.group === null ? undefined : groups[parameter.group];
    if (parameter.frozenBy !== null || !group) {
      const decidedBy = parameter.frozenBy ?? `${parameter.rule}: not in the optimizer`;
      const lr = parameter.frozenBy === null ? NOTHING : 'frozen';
      return { ...parameter, lr, weightDecay: NOTHING, momentum: NOTHING, decidedBy };
    }
    const { lr, weightDecay, momentum, betas } = group;
    return {
      ...parameter,
      lr: formatValue(lr),
      weightDecay: weightDecay === null ? NOTHING : formatValue(weightDecay),
      momentum: betas
        ? `(${betas.map(formatValue).join(', ')})`
        : momentum === null
          ? NOTHING
          : formatValue(momentum),
      decidedBy: parameter.rule,
    };
  });
}

/** Totals of the rows that share all they train with, in the order in which they first appear; frozen ones last. */
export function settingsOf(rows: readonly ParameterRow[]): Setting[] {
  const settings = new Map<string, Setting>();
  for (const { decidedBy, lr, weightDecay, momentum, frozenBy, count } of rows) {
    const key = [decidedBy, lr, weightDecay, momentum].join('\n');
    const other = settings.get(key);
    settings.set(key, {
      decidedBy,
      lr,
      weightDecay,
      momentum,
      isFrozen: frozenBy !== null,
      tensors: (other?.tensors ?? 0) + 1,
      values: (other?.values ?? 0) + count,
    });
  }
  return [...settings.values()].sort((a, b) => Number(a.isFrozen) - Number(b.isFrozen));
}
