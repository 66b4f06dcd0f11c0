import { expect, test } from 'vitest';
import type { PlannedGroup } from '../worker/protocol.ts';
import { planSchedule, tableIters, type SchedulePlan } from './schedulePlan.ts';

const STEP = {
  optimizer: { type: 'SGD', lr: 0.02, momentum: 0.9 },
  lr_config: { policy: 'step', warmup: 'linear', warmup_iters: 10, warmup_ratio: 0.001, step: [8, 11] },
  runner: { type: 'EpochBasedRunner', max_epochs: 12 },
};

async function curvesOf(...args: Parameters<typeof planSchedule>) {
  const plan = await planSchedule(...args);
  if (plan.kind !== 'curves') throw new Error(plan.message);
  return plan;
}

/** @param iteration counted from 1, as people do */
function at(
  { iters, curves }: Extract<SchedulePlan, { kind: 'curves' }>,
  iteration: number,
  curve = 0,
): number {
  return curves[curve]?.lr[iters.indexOf(iteration - 1)] ?? NaN;
}

test('the curve is drawn from the config: warm-up, steps, both sides of each jump', async () => {
  const plan = await curvesOf(STEP, null, 50);
  // Iteration n of the page is iter n - 1 of MMCV. Warm-up: lr (1 - (1 - iter / 10) (1 - 0.001)).
  expect(at(plan, 1)).toBeCloseTo(0.02 * 0.001, 12);
  expect(at(plan, 11)).toBeCloseTo(0.02, 12);
  expect(at(plan, 400)).toBeCloseTo(0.02, 12);
  expect(at(plan, 401)).toBeCloseTo(0.002, 12);
  expect(at(plan, 600)).toBeCloseTo(0.0002, 12);
  expect(plan.iters.at(-1)).toBe(599);
  expect(plan.curves[0]?.momentum?.every((m) => m === 0.9)).toBe(true);
  expect(plan.facts).toContainEqual({ term: 'Warm-up', value: 'linear, 10 iterations' });
});

const group = (lr: number, rules: string[], tensorCount = 2): PlannedGroup => ({
  lr,
  rules,
  tensorCount,
  weightDecay: null,
  momentum: 0.9,
  betas: null,
  valueCount: 10,
});

test('a curve for each learning rate, with the rules that gave it; frozen groups have none', async () => {
  const optimizer = {
    optimizer: 'SGD',
    groups: [
      group(0.02, ['default']),
      group(0.002, ["custom_keys['backbone']: lr_mult=0.1"]),
      group(0.02, [], 0),
      group(0.02, ['norm_decay_mult=0'], 3),
    ],
  };
  const plan = await curvesOf(STEP, optimizer, 50);
  expect(plan.curves.map(({ label, tensorCount }) => [label, tensorCount])).toEqual([
    ['default and 1 more rule', 5],
    ["custom_keys['backbone']: lr_mult=0.1", 2],
  ]);
  expect(at(plan, 401, 1)).toBeCloseTo(0.0002, 12);
});

test('a list in the policy has a value for each group', async () => {
  const optimizer = { optimizer: 'SGD', groups: [group(0.1, [], 0), group(0.1, ['a']), group(0.1, ['b'])] };
  const lr_config = { policy: 'OneCycle', max_lr: [9, 1, 2] };
  const plan = await curvesOf({ ...STEP, lr_config }, optimizer, 10);
  expect(plan.curves.map(({ lr }) => Math.max(...lr))).toEqual([1, 2]);
});

test('momentum follows its own policy: of Adam the first beta', async () => {
  const momentum_config = { policy: 'step', step: 1, gamma: 0.5 };
  const adam = { type: 'Adam', lr: 0.1, betas: [0.9, 0.999] };
  const plan = await curvesOf({ ...STEP, optimizer: adam, momentum_config }, null, 4);
  expect(plan.curves[0]?.momentum?.slice(3, 5)).toEqual([0.9, 0.45]);
  const none = await curvesOf({ ...STEP, optimizer: { type: 'Adagrad', lr: 0.1 }, momentum_config }, null, 4);
  expect(none.curves[0]?.momentum).toBeNull();
  expect(none.momentumProblem).toContain('momentum');
});

test('an IterBasedRunner counts its policies in iterations unless the config says otherwise', async () => {
  const runner = { type: 'IterBasedRunner', max_iters: 100 };
  const lr_config = { policy: 'step', step: [50] };
  const plan = await curvesOf({ ...STEP, lr_config, runner }, null, 10);
  expect([at(plan, 50), at(plan, 51)]).toEqual([0.02, 0.02 * 0.1]);
});

test('both sides of each milestone are drawn, also between the evenly spread iterations', async () => {
  const runner = { type: 'IterBasedRunner', max_iters: 100_000 };
  const steps = { policy: 'step', step: [30_001, 60_013], by_epoch: false };
  const plan = await curvesOf({ ...STEP, lr_config: steps, runner }, null, 10);
  for (const [before, after] of [
    [30_001, 30_002],
    [60_013, 60_014],
  ] as const)
    expect(at(plan, after) / at(plan, before)).toBeCloseTo(0.1, 12);
  const every = { policy: 'step', step: 33_333, by_epoch: false };
  const third = await curvesOf({ ...STEP, lr_config: every, runner }, null, 10);
  expect(at(third, 66_667) / at(third, 66_666)).toBeCloseTo(0.1, 12);
  const restart = {
    policy: 'CosineRestart',
    periods: [40_003, 59_997],
    restart_weights: [1, 1],
    min_lr: 0,
    by_epoch: false,
  };
  const restarted = await curvesOf({ ...STEP, lr_config: restart, runner }, null, 10);
  expect(at(restarted, 40_003)).toBeLessThan(1e-8);
  expect(at(restarted, 40_004)).toBe(0.02);
  const momentum = { ...STEP, runner, momentum_config: { policy: 'step', step: [50_001], by_epoch: false } };
  expect((await curvesOf(momentum, null, 10)).iters).toContain(50_001);
});

test("a policy of the person's own is drawn as it was asked, or the reason is given", async () => {
  const own = { className: 'MineLrUpdaterHook', itersPerEpoch: 2, iters: [0, 1, 2, 3], problem: null };
  const plan = {
    optimizer: 'SGD',
    groups: [group(0.1, ['a'], 0), group(0.1, ['a']), group(0.2, ['b']), group(0.1, ['c'])],
    ownLr: {
      ...own,
      values: [
        [0, 0, 0, 0],
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [1, 2, 3, 4],
      ],
    },
  };
  const lr_config = { policy: 'Mine', strength: 3 };
  const config = { ...STEP, lr_config, runner: { type: 'EpochBasedRunner', max_epochs: 2 } };
  const drawn = await curvesOf(config, plan, 50);
  expect([drawn.iters, drawn.itersPerEpoch, drawn.curves.map(({ lr }) => lr)]).toEqual([
    [0, 1, 2, 3],
    2,
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
  ]);
  expect(drawn.facts).toContainEqual({ term: 'Policy', value: 'Mine' });
  const refused = { ...plan, ownLr: { ...own, values: [], problem: 'MineLrUpdaterHook gives no number' } };
  expect(await planSchedule(config, refused, 50)).toEqual({
    kind: 'problem',
    message: 'MineLrUpdaterHook gives no number.',
  });
  const momentum = { ...plan, ownLr: null, ownMomentum: { ...own, values: [], iters: [], problem: 'why' } };
  const half = await curvesOf({ ...STEP, momentum_config: { policy: 'Mine' } }, momentum, 50);
  expect(half.momentumProblem).toBe('why');
  expect(half.curves[0]?.lr).toHaveLength(24);
});

test('without lr_config the rate stays; without a data set 100 iterations an epoch are assumed', async () => {
  const { lr_config: _, ...config } = STEP;
  const plan = await curvesOf(config, null, null);
  expect(new Set(plan.curves[0]?.lr)).toEqual(new Set([0.02]));
  expect(plan.maxIters).toBe(1200);
});

test('the table has both ends and both sides of each jump', async () => {
  const plan = await curvesOf(STEP, null, 50);
  const rows = tableIters(plan).map((row) => (plan.iters[row] ?? NaN) + 1);
  for (const iteration of [1, 400, 401, 550, 551, 600]) expect(rows).toContain(iteration);
  expect(rows.length).toBeLessThanOrEqual(45);
});

test('what keeps a schedule from being drawn is said', async () => {
  const { optimizer: _, ...noOptimizer } = STEP;
  expect(await planSchedule(noOptimizer, null, null)).toMatchObject({ kind: 'problem' });
  const unknown = { ...STEP, lr_config: { policy: 'stepp', step: 3 } };
  const plan = await planSchedule(unknown, null, null);
  expect(plan).toMatchObject({ kind: 'problem', message: expect.stringContaining('Stepp') });
});
