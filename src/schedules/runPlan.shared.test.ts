// The planned curves of a whole run are what MMCV's hooks set: every case of the fixtures that doesn't raise.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planLrs, planMomenta, type GroupStart, type RunPlanInput, type ScheduleRun } from './index.ts';
import { decodeValue } from '../../conformance/suites/compare.ts';
import { sharedDir } from '../util/testing/sharedDir.ts';
import { at as itemAt } from '../util/at.ts';

type Dict = Readonly<Record<string, unknown>>;
interface Case {
  readonly id: string;
  readonly runner: string;
  readonly max_epochs?: number;
  readonly max_iters?: number;
  readonly iters_per_epoch: number;
  readonly iter_defaults?: boolean;
  readonly resume?: unknown;
  readonly optimizer: { type: string; groups?: readonly Dict[] };
  readonly lr_config: Dict;
  readonly momentum_config?: Dict;
  readonly out?: {
    position_epoch_iter_inner: [number, number, number][];
    lr: number[][];
    momentum?: (number | number[])[][];
  };
}

/** A plan is of one optimizer, from the start of a run, with the runner's own defaults. */
function isPlain(one: Case): boolean {
  const isDefaulted = one.runner !== 'IterBasedRunner' || one.iter_defaults || 'by_epoch' in one.lr_config;
  return Boolean(one.out && one.optimizer.groups && !one.resume && isDefaulted);
}

function inputOf(one: Case): RunPlanInput {
  const { type, groups = [], ...defaults } = one.optimizer;
  const betas = type.startsWith('Adam') ? { betas: [0.9, 0.999] } : {};
  const perEpoch = one.iters_per_epoch;
  const run: ScheduleRun =
    one.runner === 'IterBasedRunner'
      ? { maxIters: one.max_iters ?? NaN, itersPerEpoch: perEpoch, runnerType: 'iter' }
      : {
          maxEpochs: one.max_epochs,
          maxIters: (one.max_epochs ?? NaN) * perEpoch,
          itersPerEpoch: perEpoch,
          runnerType: 'epoch',
        };
  // Every group of a fixture has an lr.
  const starts = groups.map((group) => ({ ...betas, ...defaults, ...group }) as unknown as GroupStart);
  return { groups: starts, optimizer: type, run };
}

/** Largest difference from the fixture, relative; libm and V8 differ in the last bits. */
function difference(at: (iter: number) => readonly number[], wanted: number[][], iters: number[]): number {
  let largest = 0;
  for (const [i, iter] of iters.entries()) {
    for (const [g, value] of at(iter).entries()) {
      const target = itemAt(itemAt(wanted, g), i);
      largest = Math.max(largest, Math.abs(value - target) / (Math.abs(target) || 1));
    }
  }
  return largest;
}

test.skipIf(!sharedDir).each(['lr', 'momentum'])(
  '%s_schedules.json: the plan of a run has the values of its hooks',
  (name) => {
    const text = readFileSync(join(sharedDir ?? '', 'fixtures', `${name}_schedules.json`), 'utf8');
    // decodeValue makes tuples of `__tuple__`.
    const { cases } = decodeValue(JSON.parse(text)) as { cases: Case[] };
    const plain = cases.filter(isPlain);
    expect(plain.length).toBeGreaterThan(150);
    for (const one of plain) {
      const input = inputOf(one);
      const iters = (one.out?.position_epoch_iter_inner ?? []).map(([, iter]) => iter);
      expect(difference(planLrs(one.lr_config, input), one.out?.lr ?? [], iters), one.id).toBeLessThan(1e-12);
      if (!one.momentum_config) continue;
      const first = one.out?.momentum?.map((row) =>
        row.map((value) => (Array.isArray(value) ? (value[0] ?? NaN) : value)),
      );
      const momenta = planMomenta(one.momentum_config, input);
      expect(momenta, one.id).not.toBeNull();
      if (momenta) expect(difference(momenta, first ?? [], iters), one.id).toBeLessThan(1e-12);
    }
  },
);
