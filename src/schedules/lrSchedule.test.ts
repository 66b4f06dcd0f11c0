import { describe, expect, test } from 'vitest';
import { spanAt, type Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { Tuple } from '../util/tuple.ts';
import { createLrSchedule, LR_POLICY_NAMES } from './lrSchedule.ts';
import { createMomentumSchedule, groupMomentum } from './momentumSchedule.ts';
import type { ScheduleOptions, ScheduleRun } from './schedule.ts';
import { at as itemAt } from '../util/at.ts';

const RUN: ScheduleRun = { maxEpochs: 5, maxIters: 50, itersPerEpoch: 10, runnerType: 'epoch' };
const ITER_RUN: ScheduleRun = { maxIters: 50, itersPerEpoch: 10, runnerType: 'iter' };

/** The learning rate of one group with base 1 at each of the iterations. */
function lrs(cfg: Record<string, unknown>, iters: number[], run = RUN, options?: ScheduleOptions): number[] {
  const schedule = createLrSchedule(cfg, run, options);
  const at = (iter: number): { epoch: number; iter: number; innerIter: number } => ({
    epoch: Math.floor(iter / 10),
    iter,
    innerIter: iter % 10,
  });
  return iters.map((iter) => itemAt(schedule.lrAt(at(iter), schedule.initialLrs([1])), 0));
}

function fault(cfg: Record<string, unknown>, run = RUN, options?: ScheduleOptions): ConfigError {
  try {
    lrs(cfg, [0, 1], run, options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no error');
}

const close = (values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 12));

describe('each policy at its first, a middle and its last iteration', () => {
  // Hand sums: cos(pi/4) = 0.7071..., (1 + cos(pi * 49/50)) / 2 = 0.000986635785864...
  test.each<[string, Record<string, unknown>, number[]]>([
    ['fixed', {}, [1, 1, 1]],
    ['step', { step: 10 }, [1, 0.01, 1e-4]],
    ['step', { step: [20, 30], gamma: 0.5, min_lr: 0.3 }, [1, 0.5, 0.3]],
    ['exp', { gamma: 0.9 }, [1, 0.9 ** 25, 0.9 ** 49]],
    ['poly', { power: 2, min_lr: 0.2 }, [1, 0.4, 0.8 * 0.02 ** 2 + 0.2]],
    ['inv', { gamma: 0.1, power: 2 }, [1, 1 / 12.25, 1 / 34.81]],
    ['CosineAnnealing', { min_lr: 0 }, [1, 0.5, (1 + Math.cos(Math.PI * 0.98)) / 2]],
    ['LinearAnnealing', { min_lr_ratio: 0.5 }, [1, 0.75, 0.51]],
    ['FlatCosineAnnealing', { min_lr: 0, start_percent: 0.5 }, [1, 1, (1 + Math.cos(Math.PI * 0.96)) / 2]],
    [
      'CosineRestart',
      { periods: [20, 30], restart_weights: [1, 0.5], min_lr: 0 },
      [1, (1 + Math.cos(Math.PI / 6)) / 4, (1 + Math.cos((Math.PI * 29) / 30)) / 4],
    ],
  ])('%s %j', (policy, args, wanted) => {
    expect(lrs({ policy, by_epoch: false, ...args }, [0, 25, 49])).toEqual(close(wanted));
  });

  test('cyclic climbs to its peak at 40 % and falls to its end', () => {
    const cfg = { policy: 'cyclic', target_ratio: Tuple.of(10, 1e-4), anneal_strategy: 'linear' };
    expect(lrs(cfg, [0, 10, 20, 35])).toEqual(close([1, 5.5, 10, 5.00005]));
  });

  test('cyclic draws the peak towards the base by gamma each cycle', () => {
    const cfg = { policy: 'cyclic', target_ratio: Tuple.of(10, 1), cyclic_times: 2, gamma: 0.5 };
    // 10 + 0.5 * (1 - 10) + ...: 1 - 0.5 + 10 * 0.5 = 5.5.
    expect(lrs(cfg, [10, 35])).toEqual(close([10, 5.5]));
  });

  test('OneCycle starts at max_lr / 25, peaks at 30 % and ends 10,000 times lower', () => {
    expect(lrs({ policy: 'OneCycle', max_lr: 0.5 }, [0, 14, 49])).toEqual(close([0.02, 0.5, 2e-6]));
  });

  test('YOLOX warms up by a square and keeps the target in the last epochs', () => {
    const cfg = { policy: 'YOLOX', by_epoch: false, warmup: 'exp', warmup_iters: 1, warmup_ratio: 1 };
    const more = { warmup_by_epoch: true, num_last_epochs: 1, min_lr_ratio: 0.05 };
    expect(lrs({ ...cfg, ...more }, [0, 4, 9, 45])).toEqual(close([0.01, 0.25, 1, 0.05]));
  });
});

describe('when it is set', () => {
  const step = { policy: 'step', step: [2], warmup: 'linear', warmup_iters: 4, warmup_ratio: 0.1 };

  test('warm-up rides on the regular lr, by iteration', () => {
    expect(lrs(step, [0, 1, 4, 19, 20])).toEqual(close([0.1, 0.325, 1, 1, 0.1]));
    expect(lrs({ ...step, warmup: 'constant' }, [0, 3, 4])).toEqual(close([0.1, 0.1, 1]));
    expect(lrs({ ...step, warmup: 'exp' }, [0, 2, 4])).toEqual(close([0.1, 0.1 ** 0.5, 1]));
  });

  test('warmup_by_epoch counts in epochs', () => {
    expect(lrs({ ...step, warmup_iters: 1, warmup_by_epoch: true }, [0, 5, 10])).toEqual(
      close([0.1, 0.55, 1]),
    );
  });

  test('by_epoch in an IterBasedRunner never sets anything', () => {
    const schedule = createLrSchedule(step, ITER_RUN);
    expect(schedule.isActive).toBe(false);
    expect(schedule.lrAt({ epoch: 3, iter: 30, innerIter: 0 }, [0.7])).toEqual([0.7]);
  });

  test('asking twice, in any order, gives the same: resuming needs no state', () => {
    const schedule = createLrSchedule({ policy: 'poly', by_epoch: false }, RUN);
    const late = schedule.lrAt({ epoch: 4, iter: 40, innerIter: 0 }, [1, 2]);
    schedule.lrAt({ epoch: 0, iter: 0, innerIter: 0 }, [1, 2]);
    expect(schedule.lrAt({ epoch: 4, iter: 40, innerIter: 0 }, [1, 2])).toEqual(late);
  });
});

describe('faults', () => {
  test.each<[string, Record<string, unknown>]>([
    ['missing-policy', { step: [1] }],
    ['unknown-policy', { policy: 'one_cycle', max_lr: 1 }],
    ['missing-argument', { policy: 'step' }],
    ['unknown-argument', { policy: 'step', step: 1, gama: 0.1 }],
    ['bad-type', { policy: 'step', step: Tuple.of(2, 4) }],
    ['bad-value', { policy: 'step', step: [0] }],
    ['bad-value', { policy: 'CosineAnnealing', min_lr: 0, min_lr_ratio: 0.1 }],
    ['bad-value', { policy: 'fixed', warmup: 'cosine', warmup_iters: 3 }],
    ['bad-value', { policy: 'fixed', warmup: 'linear' }],
    ['bad-value', { policy: 'fixed', warmup: 'linear', warmup_iters: 3, warmup_ratio: 2 }],
    ['bad-value', { policy: 'cyclic', target_ratio: [10, 1] }],
    ['bad-value', { policy: 'cyclic', cyclic_times: 51 }],
    ['bad-value', { policy: 'cyclic', cyclic_times: 0 }],
    ['bad-value', { policy: 'OneCycle', max_lr: 1, div_factor: 0 }],
    ['bad-value', { policy: 'OneCycle', max_lr: 1, final_div_factor: 0 }],
    ['bad-value', { policy: 'OneCycle', max_lr: Tuple.of(1) }],
    // 0 ** -1, and the square root of a negative number.
    ['bad-value', { policy: 'inv', gamma: -1, by_epoch: false }],
    ['bad-value', { policy: 'inv', gamma: -2, power: 0.5, by_epoch: false }],
    ['bad-value', { policy: 'fixed', warmup_iters: 0.5 }],
    ['bad-value', { policy: 'cyclic', by_epoch: true }],
    ['bad-value', { policy: 'OneCycle', max_lr: [1, 2] }],
    ['bad-value', { policy: 'OneCycle', max_lr: 1, total_steps: 49 }],
    ['beyond-periods', { policy: 'CosineRestart', periods: [0], min_lr: 0 }],
  ])('%s: %j', (code, cfg) => {
    expect(fault(cfg).code).toBe(code);
  });

  test('messages name the class, the value and the way out', () => {
    expect(fault({ policy: 'cosineannealing', min_lr: 0 }).format()).toMatchInlineSnapshot(`
      "CosineannealingLrUpdaterHook is not in the hook registry (policy='cosineannealing')
        at lr_config.policy
        hint: did you mean 'CosineAnnealing'?"
    `);
    expect(fault({ policy: 'step', step: '3' }).format()).toMatchInlineSnapshot(`
      "StepLrUpdaterHook: step must be a list or an int, but got "3"
        at lr_config.step"
    `);
  });

  test('an int where Python needs a float is refused when the config knows', () => {
    const cfg = { policy: 'OneCycle', max_lr: 1, pct_start: 1 };
    expect(fault(cfg, RUN, { isFloat: () => false }).code).toBe('bad-value');
    expect(lrs(cfg, [0], RUN, { isFloat: () => true })).toHaveLength(1);
  });

  test('errors carry the span that the config knows', () => {
    const span = spanAt('a.py', 'lr_config = dict(policy="step", step=0)', 37, 38);
    const spanOf = (key: string): Span | undefined => (key === 'step' ? span : undefined);
    expect(fault({ policy: 'step', step: 0 }, RUN, { spanOf }).span).toBe(span);
  });

  test('warmup_by_epoch needs epochs, also where nothing warms up', () => {
    const cfg = { policy: 'poly', by_epoch: false, warmup: 'linear', warmup_iters: 1, warmup_by_epoch: true };
    expect(fault(cfg, ITER_RUN).path).toBe('lr_config.warmup_by_epoch');
    expect(fault({ policy: 'fixed', warmup_by_epoch: true }, ITER_RUN).path).toBe(
      'lr_config.warmup_by_epoch',
    );
  });

  test('warmup_iters of a learning rate must be an int, of a momentum need not', () => {
    const options = { isFloat: (key: string) => key === 'warmup_iters' };
    const warmup = { warmup: 'linear', warmup_iters: 2 };
    expect(fault({ policy: 'fixed', ...warmup }, RUN, options).path).toBe('lr_config.warmup_iters');
    expect(fault({ policy: 'fixed', warmup_iters: 2 }, RUN, options).path).toBe('lr_config.warmup_iters');
    const momentum = createMomentumSchedule({ policy: 'step', step: 9, ...warmup }, RUN, options);
    expect(momentum.momentumAt({ epoch: 0, iter: 2, innerIter: 2 }, [0.9])).toEqual([0.9]);
    // Without a warm-up nobody looks at the rest.
    const unused = { policy: 'step', step: 9, warmup_iters: 'x', warmup_ratio: 'y' };
    expect(createMomentumSchedule(unused, RUN).warmupEnd).toBe(-1);
  });

  test('a float among milestones is refused when the config knows', () => {
    const step = [2, 8];
    const options: ScheduleOptions = { isFloatItem: (list, i) => list === step && i === 1 };
    expect(fault({ policy: 'step', step }, RUN, options).message).toBe(
      'StepLrUpdaterHook: step must hold positive ints only, but got [2,8]',
    );
  });
});

describe('createMomentumSchedule', () => {
  const at = (iter: number): { epoch: number; iter: number; innerIter: number } => ({
    epoch: Math.floor(iter / 10),
    iter,
    innerIter: iter % 10,
  });

  test('warm-up divides, so momentum starts high', () => {
    const cfg = { policy: 'step', step: 3, warmup: 'constant', warmup_iters: 2 };
    const schedule = createMomentumSchedule(cfg, RUN);
    expect(schedule.momentumAt(at(0), [0.9])).toEqual(close([1]));
    expect(schedule.momentumAt(at(30), [0.9])).toEqual(close([0.45]));
  });

  test('cyclic is the mirror of the learning rate’s', () => {
    const schedule = createMomentumSchedule({ policy: 'cyclic' }, RUN);
    expect(schedule.momentumAt(at(20), [0.95])).toEqual(close([0.85]));
  });

  test('OneCycle brings its own momenta', () => {
    const schedule = createMomentumSchedule({ policy: 'OneCycle' }, RUN);
    expect(schedule.initialMomenta([0.5])).toEqual([0.95]);
    expect(schedule.momentumAt(at(14), [0.95])).toEqual(close([0.85]));
    expect(schedule.groupKeys).toEqual(['base_momentum', 'max_momentum']);
    const dict = createMomentumSchedule({ policy: 'OneCycle', base_momentum: { SGD: [0.8, 0.7] } }, RUN);
    expect(dict.groupEntries(2, 'SGD')).toEqual({ base_momentum: [0.8, 0.7], max_momentum: [0.95, 0.95] });
    for (const key of ['base_momentum', 'max_momentum'])
      expect(() => createMomentumSchedule({ policy: 'OneCycle', [key]: Tuple.of(0.8) }, RUN)).toThrow(
        'must be a float, a list or a dict',
      );
  });

  test('there is no fixed momentum policy', () => {
    expect(() => createMomentumSchedule({ policy: 'fixed' }, RUN)).toThrow(
      'FixedMomentumUpdaterHook is not in the hook registry',
    );
  });

  test('groupMomentum finds momentum or betas', () => {
    expect(groupMomentum({ momentum: 0.9 })).toBe(0.9);
    expect(groupMomentum({ betas: [0.8, 0.99] })).toBe(0.8);
    expect(() => groupMomentum({ lr: 1 })).toThrow('must have momentum or betas');
  });
});

test('all twelve policies are there', () => {
  expect(LR_POLICY_NAMES).toHaveLength(12);
});
