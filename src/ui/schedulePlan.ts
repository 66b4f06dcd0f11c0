// The learning rate over a run, computed from a config alone.

import { isDict } from '../lang/plain.ts';
import { toErrorReport } from '../errors/trainerError.ts';
import type { ChartData } from './charts/series.ts';

/** Iterations an epoch to draw with while no run has counted the pictures. */
const ASSUMED_ITERS_PER_EPOCH = 100;
const MAX_POINTS = 2000;

export type SchedulePlan =
  | { readonly kind: 'problem'; readonly message: string }
  | {
      readonly kind: 'curve';
      readonly data: ChartData;
      readonly itersPerEpoch: number;
      readonly facts: readonly { readonly term: string; readonly value: string | number }[];
    };

type Dict = Readonly<Record<string, unknown>>;

/**
 * Compute the curve of a config's `lr_config`.
 * @param itersPerEpoch of a run of the config, or null
 */
export async function planSchedule(config: Dict, itersPerEpoch: number | null): Promise<SchedulePlan> {
  const { optimizer, lr_config: lrConfig, runner, total_epochs } = config;
  if (!isDict(lrConfig)) return problem('The config has no lr_config: the learning rate stays as it is.');
  if (!isDict(optimizer) || typeof optimizer['lr'] !== 'number') {
    return problem('optimizer.lr must be a number: the schedule starts from it.');
  }
  const runnerCfg = isDict(runner) ? runner : { type: 'EpochBasedRunner', max_epochs: total_epochs };
  const isByIter = runnerCfg['type'] === 'IterBasedRunner';
  const perEpoch = itersPerEpoch ?? ASSUMED_ITERS_PER_EPOCH;
  const length = Number(isByIter ? runnerCfg['max_iters'] : runnerCfg['max_epochs']);
  if (!Number.isInteger(length) || length <= 0) {
    return problem(`runner.${isByIter ? 'max_iters' : 'max_epochs'} must be a positive whole number.`);
  }
  const maxIters = isByIter ? length : length * perEpoch;
  const maxEpochs = isByIter ? undefined : length;
  try {
    const { createLrSchedule } = await import('../schedules/index.ts');
    const runnerType = isByIter ? ('iter' as const) : ('epoch' as const);
    const schedule = createLrSchedule(lrConfig, { maxEpochs, maxIters, itersPerEpoch: perEpoch, runnerType });
    const type = String(optimizer['type'] ?? '');
    const bases = schedule.initialLrs([optimizer['lr']], type);
    const x = samplePoints(maxIters, warmupIters(lrConfig, perEpoch), isByIter ? null : perEpoch);
    const values = x.map((iter) => {
      const epoch = Math.floor(iter / perEpoch);
      return schedule.lrAt({ epoch, iter, innerIter: iter % perEpoch }, bases, type)[0];
    });
    const warmup = typeof lrConfig['warmup'] === 'string' ? lrConfig['warmup'] : 'none';
    return {
      kind: 'curve',
      itersPerEpoch: perEpoch,
      // People count iterations from 1.
      data: { x: x.map((iter) => iter + 1), lines: [{ label: 'lr', values }] },
      facts: [
        { term: 'Policy', value: String(lrConfig['policy']) },
        { term: 'Warm-up', value: warmup === 'none' ? warmup : `${warmup}, ${lrConfig['warmup_iters']}` },
        { term: 'Optimizer', value: type },
        { term: 'Base rate', value: optimizer['lr'] },
        { term: 'Last rate', value: values.at(-1) ?? NaN },
      ],
    };
  } catch (error) {
    return problem(toErrorReport(error).message);
  }
}

/** Evenly spread iterations, and both sides of every epoch's start and of the warm-up's end: rates jump there. */
function samplePoints(maxIters: number, warmup: number, perEpoch: number | null): number[] {
  const points = new Set<number>();
  const step = Math.max(1, Math.floor(maxIters / MAX_POINTS));
  for (let iter = 0; iter < maxIters; iter += step) points.add(iter);
  for (const edge of [warmup, maxIters]) points.add(edge - 1).add(edge);
  if (perEpoch !== null && maxIters / perEpoch <= MAX_POINTS / 2) {
    for (let edge = perEpoch; edge < maxIters; edge += perEpoch) points.add(edge - 1).add(edge);
  }
  return [...points].filter((iter) => iter >= 0 && iter < maxIters).sort((a, b) => a - b);
}

function warmupIters(lrConfig: Dict, perEpoch: number): number {
  const length = Number(lrConfig['warmup_iters'] ?? 0);
  return lrConfig['warmup_by_epoch'] === true ? length * perEpoch : length;
}

function problem(message: string): SchedulePlan {
  return { kind: 'problem', message };
}
