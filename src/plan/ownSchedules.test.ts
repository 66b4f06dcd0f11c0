// Learning-rate and momentum policies of a person's own: found by their names, trained with, and drawn before any run.

import { describe, expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../errors/trainerError.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { planRun } from './plan.ts';
import { shortRun, workspaceWith } from '../run/testing/shortRun.ts';
import { PROBE } from '../run/testing/tutorialModules.ts';
import { at } from '../util/at.ts';

await testAdapter();

const RUN_TIMEOUT_MS = 120_000;

const HALVING = `import { HOOKS, LrUpdaterHook, MomentumUpdaterHook, type LrUpdaterArgs, type Runner } from 'mmcv.runner';

@HOOKS.registerModule()
export class HalvingLrUpdaterHook extends LrUpdaterHook {
  readonly every: number;
  constructor({ every = 1, ...args }: { every?: number } & LrUpdaterArgs) {
    super(args);
    this.every = every;
  }
  override getLr(runner: Runner, baseLr: number): number {
    const progress = this.byEpoch ? runner.epoch : runner.iter;
    return baseLr / 2 ** Math.floor(progress / this.every);
  }
}

@HOOKS.registerModule()
export class DippingMomentumUpdaterHook extends MomentumUpdaterHook {
  override getMomentum(runner: Runner, baseMomentum: number): number {
    return runner.iter % 2 === 0 ? baseMomentum : baseMomentum / 2;
  }
}

/** A step policy that never falls below a tenth. */
@HOOKS.registerModule()
export class FlooredLrUpdaterHook extends LrUpdaterHook {
  constructor(args: LrUpdaterArgs) {
    super({ policy: 'step', step: [1, 2], gamma: 0.2, ...args });
  }
  override getLr(runner: Runner, baseLr: number): number {
    return Math.max(super.getLr(runner, baseLr), baseLr / 10);
  }
}
`;
const IMPORTS = "custom_imports = dict(imports=['halving', 'probe'])\ncustom_hooks = [dict(type='Probe')]\n";
const FILES = { 'halving.ts': HALVING, 'probe.ts': PROBE };

/** The config of Learn's short runs with these lines: two iterations an epoch. */
const config = (lines: string): Record<string, string> => ({
  ...FILES,
  'configs/learn/own.py': `_base_ = './short_run.py'\n${IMPORTS}runner = dict(type='EpochBasedRunner', max_epochs=3)\n${lines}\n`,
});

/** First group's learning rate and momentum of each iteration. */
async function trainedWith(lines: string): Promise<{ lr: number[]; momentum: number[]; log: string }> {
  const { log } = await shortRun('configs/learn/own.py', config(lines));
  const seen = [...log.matchAll(/Probe (\{.*\})/g)].map(
    ([, json = '']) => JSON.parse(json) as { lr: number[]; momentum: number[] },
  );
  return { lr: seen.map(({ lr }) => at(lr, 0)), momentum: seen.map(({ momentum }) => at(momentum, 0)), log };
}

async function failure(lines: string): Promise<string> {
  try {
    await shortRun('configs/learn/own.py', config(lines));
  } catch (error) {
    return formatReport(toErrorReport(error));
  }
  throw new Error('nothing was thrown');
}

describe('a policy of their own', () => {
  test(
    'by epoch, with a warm-up; momentum by iteration',
    async () => {
      const { lr, momentum, log } = await trainedWith(`
lr_config = dict(_delete_=True, policy='halving', warmup='linear', warmup_iters=2, warmup_ratio=0.5)
momentum_config = dict(policy='Dipping', by_epoch=False)`);
      expect(lr).toEqual([0.01, 0.015, 0.01, 0.01, 0.005, 0.005]);
      expect(momentum).toEqual([0.9, 0.45, 0.9, 0.45, 0.9, 0.45]);
      expect(log).toMatch(/\(VERY_HIGH +\) HalvingLrUpdaterHook/);
      expect(log).toMatch(/\(HIGH +\) DippingMomentumUpdaterHook/);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'an IterBasedRunner counts it in iterations, as it does MMCV’s',
    async () => {
      const { lr } = await trainedWith(`runner = dict(_delete_=True, type='IterBasedRunner', max_iters=4)
lr_config = dict(_delete_=True, policy='Halving', every=2)`);
      expect(lr).toEqual([0.02, 0.02, 0.01, 0.01]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'that changes one of ours, among the custom hooks',
    async () => {
      const { lr } = await trainedWith(`lr_config = None
custom_hooks = [dict(type='Probe'), dict(type='FlooredLrUpdaterHook', priority='VERY_HIGH')]`);
      expect(lr).toEqual([0.02, 0.02, 0.02 * 0.2, 0.02 * 0.2, 0.002, 0.002]);
    },
    RUN_TIMEOUT_MS,
  );

  test('what it does not take, and a name that is none, are told at their place', async () => {
    expect(await failure("lr_config = dict(_delete_=True, policy='Halving', evry=2)")).toMatchInlineSnapshot(`
      "HalvingLrUpdaterHook got an unexpected argument 'evry'
        at lr_config.evry (workspace/configs/learn/own.py:5:51)
        hint: did you mean 'every'?"
    `);
    expect(await failure("lr_config = dict(_delete_=True, policy='Halvng')")).toMatchInlineSnapshot(`
      "HalvngLrUpdaterHook is not in the hook registry (policy='Halvng')
        at lr_config.policy (workspace/configs/learn/own.py:5:40)
        hint: did you mean 'Halving'?"
    `);
  });
});

test(
  'a policy of ours among the custom hooks still knows a float from an int, and its own place',
  async () => {
    const cyclic = (ratio: string): string => `lr_config = None
custom_hooks = [dict(type='Probe'), dict(type='CyclicLrUpdaterHook', target_ratio=${ratio}, priority='VERY_HIGH')]`;
    const { lr } = await trainedWith(cyclic('10.0'));
    expect(lr[0]).toBeCloseTo(0.02, 12);
    expect(Math.max(...lr)).toBeGreaterThan(0.1);
    expect(await failure(cyclic('10'))).toMatch(
      /CyclicLrUpdaterHook: target_ratio must be .*, but got 10\n {2}at custom_hooks\[1\]\.target_ratio \(.*own\.py:6:\d+\)/,
    );
  },
  RUN_TIMEOUT_MS,
);

test('what Python asserts of ours is told at its place, before anything is trained', async () => {
  const lr = (args: string): Promise<string> => failure(`lr_config = dict(_delete_=True, ${args})`);
  expect(await lr("policy='step', step=[1, 2.]")).toMatchInlineSnapshot(`
    "StepLrUpdaterHook: step must hold positive ints only, but got [1, 2.0]
      at lr_config.step (workspace/configs/learn/own.py:5:53)"
  `);
  expect(await lr("policy='fixed', warmup_iters=2.")).toMatchInlineSnapshot(`
    "FixedLrUpdaterHook: warmup_iters must be a positive integer, but got 2.0
      at lr_config.warmup_iters (workspace/configs/learn/own.py:5:62)"
  `);
  expect(await lr("policy='OneCycle', max_lr=1, final_div_factor=0")).toMatchInlineSnapshot(`
    "OneCycleLrUpdaterHook: final_div_factor must not be 0, but got 0
      at lr_config.final_div_factor (workspace/configs/learn/own.py:5:79)"
  `);
});

describe('before a run', () => {
  const describeConfig = (lines: string, modules: Record<string, string> = {}) =>
    planRun({
      fs: workspaceWith({ ...config(lines), ...modules }),
      decodeImage: () => Promise.reject(new Error('no pictures here')),
      configPath: 'workspace/configs/learn/own.py',
    });

  test('it is asked for the whole run, group by group', async () => {
    const { ownLr, ownMomentum, groups } = await describeConfig(`
lr_config = dict(_delete_=True, policy='Halving', every=2)
momentum_config = dict(policy='Dipping', by_epoch=False)
optimizer = dict(paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.5)}))`);
    expect(ownLr).toMatchObject({
      className: 'HalvingLrUpdaterHook',
      itersPerEpoch: 2,
      iters: [0, 1, 2, 3, 4, 5],
      problem: null,
    });
    expect(ownLr?.values).toHaveLength(groups.length);
    expect(ownLr?.values[0]).toEqual([0.01, 0.01, 0.01, 0.01, 0.005, 0.005]);
    expect(ownLr?.values.at(-1)).toEqual([0.02, 0.02, 0.02, 0.02, 0.01, 0.01]);
    expect(ownMomentum?.values[0]).toEqual([0.9, 0.45, 0.9, 0.45, 0.9, 0.45]);
    // What the groups start with is told as before.
    expect(groups[0]).toMatchObject({ lr: 0.01, momentum: 0.9 });
  });

  test('one that needs the run says why it is not drawn; one of ours is not asked', async () => {
    const needy = HALVING.replace('const progress =', 'void runner.dataBatch.length;\n    const progress =');
    const { ownLr } = await describeConfig("lr_config = dict(_delete_=True, policy='Halving')", {
      'halving.ts': needy.replace('runner.dataBatch', '(runner.dataBatch as unknown[])'),
    });
    expect(ownLr?.problem).toMatch(
      /^HalvingLrUpdaterHook can't be drawn before a run: Cannot read properties of null/,
    );
    const lost = HALVING.replace('return baseLr / 2', 'return baseLr / NaN / 2');
    const { ownLr: nan } = await describeConfig("lr_config = dict(_delete_=True, policy='Halving')", {
      'halving.ts': lost,
    });
    expect(nan?.problem).toBe(
      "HalvingLrUpdaterHook can't be drawn before a run: HalvingLrUpdaterHook: the learning rate must be a finite number, but is NaN at iteration 0",
    );
    expect((await describeConfig('')).ownLr).toBeNull();
  });
});
