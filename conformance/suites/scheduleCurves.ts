// The learning rates of several optimizers, which no runner of ours takes: the curves themselves are asked, position by position.

import { createLrSchedule } from '../../src/schedules/lrSchedule.ts';
import type { ScheduleOptions } from '../../src/schedules/schedule.ts';
import { decodeValue } from './compare.ts';
import type { OptimizerCfg, ScheduleSetting, Series } from './scheduleRig.ts';

/** A case with MMCV's dict of optimizers. */
export interface MultiCase extends ScheduleSetting {
  readonly optimizer: { readonly optimizers: Readonly<Record<string, OptimizerCfg>> };
}

/** @returns the groups' learning rates, optimizer by optimizer. @throws what the schedule throws */
export function askCurves(one: MultiCase, floats: ReadonlySet<string>): Pick<Series, 'lr'> {
  const { iters_per_epoch: itersPerEpoch, max_epochs: maxEpochs = 0 } = one;
  const maxIters = one.max_iters ?? maxEpochs * itersPerEpoch;
  const options: ScheduleOptions = { isFloat: (key) => floats.has(`lr_config.${key}`) };
  const config = decodeValue(one.lr_config) as Readonly<Record<string, unknown>>;
  const run = { maxEpochs, maxIters, itersPerEpoch, runnerType: 'epoch' } as const;
  const schedule = createLrSchedule(config, run, options);
  const lr = Object.entries(one.optimizer.optimizers).flatMap(([name, { groups, ...defaults }]) => {
    const bases = schedule.initialLrs(
      groups.map((group) => Number(group.lr ?? defaults.lr)),
      name,
    );
    const rows = Array.from({ length: maxIters }, (_, iter) => {
      const epoch = Math.floor(iter / itersPerEpoch);
      return schedule.lrAt({ epoch, iter, innerIter: iter % itersPerEpoch }, bases, name);
    });
    return groups.map((_, g) => rows.map((row) => row[g] ?? NaN));
  });
  return { lr };
}
