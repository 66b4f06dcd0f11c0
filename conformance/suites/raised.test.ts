import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installNodeGpu } from '../../src/gpu/device/nodeGpu.ts';
import { testAdapter } from '../../src/gpu/testing/adapter.ts';
import { ConfigError } from '../../src/errors/trainerError.ts';
import { SUITES } from './index.ts';
import { judgeThrown } from './raised.ts';
import type { FixtureFile, ParityOutcome } from './types.ts';

await installNodeGpu();
await testAdapter();

/** The outcome of one case as `tabtrain parity` runs it. */
async function outcomeOf(
  file: string,
  one: Readonly<Record<string, unknown>>,
  header: object = {},
): Promise<ParityOutcome> {
  const suite = SUITES.find(({ files }) => files.includes(file));
  const results = await suite?.run({ ...header, cases: [{ id: 'x', ...one }] }, file, '/nowhere');
  return results?.at(0)?.outcome ?? { status: 'skipped', name: 'no suite' };
}

test('only our counterpart of the expected exception passes, never a bug of ours', () => {
  const codes = { KeyError: ['unknown-type'] };
  const one = { error: { type: 'KeyError' } };
  const ours = (code: string): ConfigError => new ConfigError('x', { code });
  expect(judgeThrown(ours('unknown-type'), one, codes).status).toBe('passed');
  expect(judgeThrown(ours('bad-type'), one, codes).status).toBe('failed');
  expect(judgeThrown(ours('unknown-type'), {}, codes).status).toBe('failed');
  expect(judgeThrown(new TypeError('x is not a function'), one, codes).status).toBe('failed');
});

const TREE = { module_id: 0, cls: 'Conv2d', bases: [], params: [], children: [] };

test('an optimizer without a type is a KeyError', async () => {
  const one = { model: 'm', optimizer_cfg: { lr: 0.1 }, paramwise_cfg: null };
  const run = (type: string): Promise<ParityOutcome> =>
    outcomeOf('optimizer_constructor.json', { ...one, error: { type } }, { models: { m: TREE } });
  expect((await run('KeyError')).status).toBe('passed');
  expect((await run('TypeError')).status).toBe('failed');
});

const GROUP = { params: ['weight'], lr: 0.1 };

test.each([
  ['the default constructor by name', { type: 'SGD', constructor: 'DefaultOptimizerConstructor' }],
  ['a class as type', { type: { __class__: 'torch.optim.sgd.SGD' } }],
  ['a class as type, told as such only', { type: { __repr__: 'type' } }],
])('an optimizer of %s is built as a run builds it', async (_, cfg) => {
  const weight = { name: 'weight', param_id: 0, shape: [2], requires_grad: true };
  const models = { m: { ...TREE, params: [weight] } };
  const one = { model: 'm', optimizer_cfg: { ...cfg, lr: 0.1 }, paramwise_cfg: null, warnings: [] };
  const out = { optimizer_class: 'SGD', param_groups: [GROUP] };
  const run = (more: object): Promise<ParityOutcome> =>
    outcomeOf('optimizer_constructor.json', { ...one, ...more }, { models });
  expect(await run(out)).toEqual({ status: 'passed' });
  expect((await run({ ...out, param_groups: [{ ...GROUP, lr: 1 }] })).status).toBe('failed');
  const other = { ...one.optimizer_cfg, constructor: 'NopeConstructor' };
  expect(await run({ optimizer_cfg: other, error: { type: 'KeyError' } })).toEqual({ status: 'passed' });
});

test("a log begins with the run's meta as Python writes it, and names the experiment", async () => {
  const meta = { exp_name: 'ü.py', seed: 0, env_info: 'a\nb' };
  const record = { mode: 'train', epoch: 1, iter: 2, lr: 0.01, data_time: 0.125, loss: 1, time: 0.25 };
  const line = 'Epoch [1][2/2]\tlr: 1.000e-02, eta: 0:00:00, time: 0.250, data_time: 0.125, loss: 1.0000';
  const one = {
    kind: 'log',
    runner: 'EpochBasedRunner',
    max_epochs: 1,
    train_len: 2,
    meta,
    log_config: { interval: 2, hooks: [{ type: 'TextLoggerHook' }] },
    out: {
      json_log_lines: [meta, record],
      json_log_raw_first_lines: ['{"exp_name": "\\u00fc.py", "seed": 0, "env_info": "a\\nb"}'],
      console_lines: ["workflow: [('train', 1)], max: 1 epochs", 'Exp name: ü.py', line],
    },
  };
  const header = { train_log_vars: [{ loss: 1 }], train_num_samples_cycle: [1] };
  expect(await outcomeOf('hook_order.json', one, header)).toEqual({ status: 'passed' });
});

test.each([
  [{ kind: 'eval_args', eval_kwargs: { save_best: 'auto', rule: 'x' } }, 'KeyError'],
  [{ kind: 'eval_args', eval_kwargs: { greater_keys: [1] } }, 'AssertionError'],
  [{ kind: 'eval_args', eval_kwargs: { interval: 'x' } }, 'TypeError'],
  [{ kind: 'eval_args', eval_kwargs: { start: -1 } }, 'ValueError'],
  [{ kind: 'order_error', note: 'registering with an unknown level', priority: 'BOGUS' }, 'KeyError'],
  [{ kind: 'log', log_config: { hooks: [{ type: 'TextLoggerHook' }] } }, 'KeyError'],
  [{ kind: 'register_training_hooks', optimizer_config: { foo: 1 } }, 'TypeError'],
])('%j raises %s and no other', async (one, type) => {
  const rest = { runner: 'EpochBasedRunner', max_epochs: 1, train_len: 1 };
  const run = (wanted: string): Promise<ParityOutcome> =>
    outcomeOf('hook_order.json', { ...rest, ...one, error: { type: wanted } });
  expect(await run(type)).toEqual({ status: 'passed' });
  expect((await run('MemoryError')).status).toBe('failed');
});

test('a schedule that fails late in the run is found, and only by its own type', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tabtrain-'));
  const optimizer = { type: 'SGD', lr: 0.1, momentum: 0.9, groups: [{}] };
  const rest = { runner: 'EpochBasedRunner', max_epochs: 5, iters_per_epoch: 2, optimizer };
  const lr_config = { policy: 'CosineRestart', periods: [3], min_lr: 0 };
  const late = (type: string): object => ({ id: type, ...rest, lr_config, error: { type } });
  const momentum_config = { policy: 'step', step: 1, foo: 2 };
  const cases = [
    late('ValueError'),
    late('KeyError'),
    {
      id: 'momentum',
      ...rest,
      lr_config: { policy: 'fixed' },
      momentum_config,
      error: { type: 'TypeError' },
    },
  ];
  await writeFile(join(folder, 'lr_schedules.json'), JSON.stringify({ cases }));
  const suite = SUITES.find(({ files }) => files.includes('lr_schedules.json'));
  const results = await suite?.run({ cases } as FixtureFile, 'lr_schedules.json', folder);
  await rm(folder, { recursive: true });
  expect(results?.map(({ outcome }) => outcome.status)).toEqual(['passed', 'failed', 'passed']);
});

const misc = (one: object): Promise<ParityOutcome> => outcomeOf('runtime_misc.json', { ...one });

test.each([
  ['runner_init', 'work_dir is a number', '', 'TypeError'],
  ['runner_init', 'optimizer is a dict with a string', '', 'TypeError'],
  [
    'runner_init',
    'dict',
    'optimizer must be a dict of torch.optim.Optimizers, but optimizer["g"] is a x',
    'TypeError',
  ],
  ['runner_init', 'bad', "meta must be a dict or None, but got <class 'int'>", 'TypeError'],
  ['runner_init', 'batch_processor not callable', '', 'TypeError'],
  ['runner_init', 'model without train_step', '', 'AssertionError'],
  ['runner_init', 'both', 'Only one of `max_epochs` or `max_iters` can be set.', 'ValueError'],
  ['runner_init', 'run with max_iters None', '', 'AssertionError'],
  ['registry', 'build(dict(x=1)) -> x,y', '', 'KeyError'],
  ['registry', 'cfg is a list', '', 'TypeError'],
  ['registry', 'force=1', '', 'TypeError'],
  ['registry', 'default_args is a list', '', 'TypeError'],
  ['registry', 'anything', "A: A.__init__() got an unexpected keyword argument 'z'", 'TypeError'],
  ['registry', 'KeyError', "'Other is not in the model registry'", 'KeyError'],
])('%s: %s %s raises %s and no other', async (kind, description, observed_message, type) => {
  const run = (wanted: string): Promise<ParityOutcome> =>
    misc({ id: 'x', kind, description, error: { type: wanted, observed_message } });
  expect(await run(type)).toEqual({ status: 'passed' });
  expect((await run('MemoryError')).status).toBe('failed');
});

test('what a description writes in Python is done, and one that is not understood fails', async () => {
  const description = 'build(dict(type="A", x=[1, (2,)]), default_args=dict(y="z")) -> x,y';
  const out = [[1, { __tuple__: [2] }], 'z'];
  expect(await misc({ kind: 'registry', description, out })).toEqual({ status: 'passed' });
  expect((await misc({ kind: 'registry', description, out: [1, 2] })).status).toBe('failed');
  const isClass = 'build(dict(type=A, x=3)) -> x,y';
  expect(await misc({ kind: 'registry', description: isClass, out: [3, 2] })).toEqual({ status: 'passed' });
  for (const kind of ['registry', 'runner_init', 'new_kind'])
    expect((await misc({ kind, description: 'something else' })).status).toBe('failed');
});

test.each([
  [{ kind: 'build_runner', cfg: { type: 3 } }, 'TypeError'],
  [{ kind: 'compat_cfg', cfg: { data: {} } }, 'AttributeError'],
  [{ kind: 'replace_cfg_vals', cfg: { a: { __tuple__: [1] }, b: 'x${a}' } }, 'AssertionError'],
  [{ kind: 'num_class_check', CLASSES: 'abc', head_num_classes: 3 }, 'AssertionError'],
  [
    {
      kind: 'ema',
      runner: 'EpochBasedRunner',
      max_epochs: 1,
      train_len: 1,
      custom_hooks: [{ type: 'Nope' }],
    },
    'KeyError',
  ],
])('%j raises %s and no other', async (one, type) => {
  expect(await misc({ ...one, error: { type } })).toEqual({ status: 'passed' });
  expect((await misc({ ...one, error: { type: 'MemoryError' } })).status).toBe('failed');
});
