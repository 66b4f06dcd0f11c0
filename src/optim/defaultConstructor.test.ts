import { describe, expect, test } from 'vitest';
import { TrainerError } from '../errors/trainerError.ts';
import { setSource } from '../lang/sourceMap.ts';
import { _BatchNorm, BatchNorm2d, Conv2d, Module, type Parameter } from '../nn/index.ts';
import { BuildContext, createRunRegistries, type RunServices } from '../registry/index.ts';
import { Tuple } from '../util/tuple.ts';
import {
  buildOptimizer,
  DefaultOptimizerConstructor,
  explainParams,
  SGD,
  type GroupCfg,
  type Optimizer,
  type OptimizerConstructor,
} from './index.ts';
import { at } from '../util/at.ts';

class Net extends Module {
  override readonly className = 'Net';
  readonly conv = this.addModule('conv', new Conv2d({ inChannels: 2, outChannels: 4, kernelSize: 1 }));
  readonly dw = this.addModule(
    'dw',
    new Conv2d({ inChannels: 4, outChannels: 4, kernelSize: 3, groups: 4, bias: false }),
  );
  readonly bn = this.addModule('bn', new BatchNorm2d({ numFeatures: 4 }));
}

const BASE = { type: 'SGD', lr: 0.1, momentum: 0.9, weight_decay: 0.01 };

function makeContext(warnings: string[] = []): BuildContext {
  const services: RunServices = {
    // Building an optimizer touches no files.
    fs: {} as RunServices['fs'],
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    seed: 0,
    warn: (message) => warnings.push(message),
  };
  return new BuildContext(createRunRegistries(), services);
}

function build(cfg: unknown, net: Module = new Net(), warnings: string[] = []): Optimizer {
  return buildOptimizer(net, cfg, makeContext(warnings));
}

function rates(optimizer: Optimizer): [string, number, number | undefined][] {
  return optimizer.paramGroups.map(({ params, lr, weight_decay }) => [at(params, 0).name, lr, weight_decay]);
}

describe('buildOptimizer', () => {
  test('without paramwise_cfg there is one group with every parameter', () => {
    const { paramGroups } = build(BASE);
    expect(paramGroups).toHaveLength(1);
    expect(at(paramGroups, 0).params.map((param) => param.name)).toEqual([
      'conv.weight',
      'conv.bias',
      'dw.weight',
      'bn.weight',
      'bn.bias',
    ]);
  });

  test('each rule finds its parameters', () => {
    const paramwise_cfg = {
      bias_lr_mult: 2,
      bias_decay_mult: 0.5,
      norm_decay_mult: 0,
      dwconv_decay_mult: 0.1,
    };
    expect(rates(build({ ...BASE, paramwise_cfg }))).toEqual([
      ['conv.weight', 0.1, 0.01],
      ['conv.bias', 0.2, 0.005],
      ['dw.weight', 0.1, 0.001],
      ['bn.weight', 0.1, 0],
      ['bn.bias', 0.1, 0],
    ]);
  });

  test('the longest custom key wins and switches the other rules off', () => {
    const custom_keys = { conv: { lr_mult: 10 }, 'conv.b': { lr_mult: 0.5, decay_mult: 0 }, bn: {} };
    const groups = rates(build({ ...BASE, paramwise_cfg: { custom_keys, norm_decay_mult: 0 } }));
    expect(groups.map(([name, lr, decay]) => [name, lr, decay])).toEqual([
      ['conv.weight', 1, 0.01],
      ['conv.bias', 0.05, 0],
      ['dw.weight', 0.1, 0.01],
      ['bn.weight', 0.1, 0.01],
      ['bn.bias', 0.1, 0.01],
    ]);
  });

  test('frozen parameters are listed, but no rule applies', () => {
    const net = new Net();
    net.bn.requiresGrad(false);
    const groups = rates(build({ ...BASE, paramwise_cfg: { norm_decay_mult: 0 } }, net));
    expect(groups[3]).toEqual(['bn.weight', 0.1, 0.01]);
  });

  test('a module with two parents is refused, or skipped with a warning', () => {
    const net = new Net();
    class Pair extends Module {
      override readonly className = 'Pair';
    }
    const pair = new Pair();
    net.addModule('a', pair);
    pair.addModule('again', net.conv);
    const cfg = { ...BASE, paramwise_cfg: { norm_decay_mult: 0 } };
    expect(() => build(cfg, net)).toThrow("each parameter must be in one group only, but 'conv.weight'");
    const warnings: string[] = [];
    build({ ...cfg, paramwise_cfg: { bypass_duplicate: true } }, net, warnings);
    expect(warnings[0]).toBe('a.again is duplicate. It is skipped since bypass_duplicate=True');
    // Python asks for its truth only.
    for (const bypass_duplicate of [1, 'yes', [0], Number.NaN])
      expect(build({ ...cfg, paramwise_cfg: { bypass_duplicate } }, net).paramGroups).toHaveLength(5);
    for (const bypass_duplicate of [0, '', [], {}, null])
      expect(() => build({ ...cfg, paramwise_cfg: { bypass_duplicate } }, net)).toThrow('one group only');
  });

  test('a rule that no parameter comes to may be anything, as in MMCV; its key is a warning', () => {
    const custom_keys = { zzz: 1, yyy: { lr_mult: 'x' }, xxx: null };
    const warnings: string[] = [];
    build({ ...BASE, paramwise_cfg: { custom_keys } }, new Net(), warnings);
    expect(warnings).toEqual(
      ['zzz', 'yyy', 'xxx'].map(
        (key) =>
          `optimizer.paramwise_cfg.custom_keys: no parameter's name contains '${key}', so it changes nothing`,
      ),
    );
    const net = new Net();
    net.bn.requiresGrad(false);
    expect(build({ ...BASE, paramwise_cfg: { custom_keys: { bn: 1 } } }, net).paramGroups).toHaveLength(5);
  });

  test('a rule that a parameter comes to must be a dict: another is told at its place', () => {
    const custom_keys = { conv: 1 };
    const span = { file: 'a.py', from: 0, to: 1, line: 2, column: 3, endLine: 2, endColumn: 4 };
    setSource(custom_keys, 'conv', { span });
    expect(() => build({ ...BASE, paramwise_cfg: { custom_keys } })).toThrow(
      expect.objectContaining({
        message: 'optimizer.paramwise_cfg.custom_keys.conv must be a dict, but got 1',
        path: 'optimizer.paramwise_cfg.custom_keys.conv',
        span,
      }),
    );
  });

  test.each<[string, Record<string, unknown>]>([
    ['no-weight-decay', { type: 'SGD', lr: 0.1, paramwise_cfg: { norm_decay_mult: 0 } }],
    ['no-lr', { type: 'Adam', paramwise_cfg: { bias_lr_mult: 2 } }],
    ['bad-type', { ...BASE, paramwise_cfg: 'x' }],
    ['unknown-argument', { ...BASE, momentun: 0.9 }],
    ['unknown-type', { ...BASE, type: 'SGDD' }],
    ['unknown-type', { ...BASE, constructor: 'MyConstructor' }],
    ['missing-argument', { type: 'SGD' }],
    ['bad-value', { ...BASE, lr: -1 }],
  ])('%s: %j', (code, cfg) => {
    let error: unknown;
    try {
      build(cfg);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TrainerError);
    expect(error).toMatchObject({ code, isInputError: true });
  });

  test('a subclass decides for some modules itself, and leaves the others to add_params', () => {
    class NoNorms extends DefaultOptimizerConstructor {
      override addParams(params: GroupCfg<Parameter>[], module: Module, prefix = ''): void {
        if (module instanceof _BatchNorm)
          params.push({ params: module.namedParameters(prefix, false).map(([, param]) => param), lr: 7 });
        else super.addParams(params, module, prefix);
      }
    }
    const context = makeContext();
    context.registries.OPTIMIZER_BUILDERS.registerModule()(NoNorms);
    const cfg = { ...BASE, constructor: 'NoNorms', paramwise_cfg: { bias_lr_mult: 2 } };
    const { paramGroups } = buildOptimizer(new Net(), cfg, context);
    expect(paramGroups.map(({ params, lr }) => [params.map(({ name }) => name), lr])).toEqual([
      [['conv.weight'], 0.1],
      [['conv.bias'], 0.2],
      [['dw.weight'], 0.1],
      [['bn.weight', 'bn.bias'], 7],
    ]);
  });

  test('an unknown constructor is told at its own key', () => {
    const cfg = { ...BASE, constructor: 'DefaultOptimizerConstructr' };
    const span = { file: 'a.py', from: 0, to: 1, line: 2, column: 3, endLine: 2, endColumn: 4 };
    setSource(cfg, 'constructor', { span });
    expect(() => build(cfg)).toThrow(
      expect.objectContaining({
        message: 'DefaultOptimizerConstructr is not in the optimizer builder registry',
        path: 'optimizer.constructor',
        span,
        hint: "did you mean 'DefaultOptimizerConstructor'?",
      }),
    );
  });

  test.each<[string, unknown, string]>([
    ['bias_lr_mult', 'abc', "'abc'"],
    ['norm_decay_mult', null, 'None'],
    ['dwconv_decay_mult', [1], '[1]'],
    ['dcn_offset_lr_mult', NaN, 'nan'],
  ])('%s must be a number: %j is told at its place', (key, value, actual) => {
    const paramwise_cfg = { [key]: value };
    const span = { file: 'a.py', from: 0, to: 1, line: 2, column: 3, endLine: 2, endColumn: 4 };
    setSource(paramwise_cfg, key, { span });
    expect(() => build({ ...BASE, paramwise_cfg })).toThrow(
      expect.objectContaining({
        message: `${key} must be a number, but got ${actual}`,
        path: `optimizer.paramwise_cfg.${key}`,
        span,
      }),
    );
  });

  test('the multipliers of custom_keys likewise; True counts as 1, as in Python', () => {
    const custom = (rule: object): unknown => ({ ...BASE, paramwise_cfg: { custom_keys: { conv: rule } } });
    for (const mult of ['lr_mult', 'decay_mult']) {
      expect(() => build(custom({ [mult]: '0.1' }))).toThrow(
        expect.objectContaining({
          message: expect.stringContaining(`${mult} must be a number, but got '0.1'`),
          path: `optimizer.paramwise_cfg.custom_keys.conv.${mult}`,
        }),
      );
      expect(() => build(custom({ [mult]: null }))).toThrow('but got None');
    }
    expect(rates(build(custom({ lr_mult: true })))[0]).toEqual(['conv.weight', 0.1, 0.01]);
  });

  test('rates that are no numbers are refused, whoever computed them', () => {
    const context = makeContext();
    const group = (options: object) => [{ params: new Net().parameters(), ...options }];
    class Early implements OptimizerConstructor {
      call(): Optimizer {
        return new SGD({ params: group({ lr: NaN }), lr: 1 });
      }
    }
    class Late implements OptimizerConstructor {
      call(): Optimizer {
        const optimizer = new SGD({ params: group({}), lr: 1, weightDecay: 1 });
        at(optimizer.paramGroups, 0).weight_decay = Number('abc');
        return optimizer;
      }
    }
    context.registries.OPTIMIZER_BUILDERS.registerModule()(Early);
    context.registries.OPTIMIZER_BUILDERS.registerModule()(Late);
    const building = (constructor: string) => () =>
      buildOptimizer(new Net(), { ...BASE, constructor }, context);
    expect(building('Early')).toThrow('lr of a parameter group must be a number, but is nan');
    expect(building('Late')).toThrow(
      expect.objectContaining({
        message: 'weight_decay of a parameter group must be a number, but is nan',
        path: 'optimizer.constructor',
      }),
    );
  });
});

describe('arguments of every optimizer', () => {
  const { OPTIMIZERS } = makeContext().registries;
  const optionsOf = (type: string): readonly string[] => OPTIMIZERS.get(type)?.args?.optional ?? [];

  test('there are all of PyTorch’s', () => {
    expect(OPTIMIZERS.names()).toHaveLength(15);
  });

  const cases = OPTIMIZERS.names().flatMap((type) =>
    optionsOf(type).map((key): [string, string] => [type, key]),
  );
  test.each(cases)('%s refuses a dict as its %s, at its place', (type, key) => {
    const cfg = { type, lr: 0.1, [key]: { a: 1 } };
    expect(() => build(cfg)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(new RegExp(`^${type}: ${key} must be .*, but got \\{'a': 1\\}`)),
        path: `optimizer.${key}`,
      }),
    );
  });

  test.each<[Record<string, unknown>, string]>([
    [{ type: 'SGD', lr: 0.1, dampening: 'x' }, "SGD: dampening must be a number, but got 'x'"],
    [{ type: 'SGD', lr: '1e-3' }, "SGD: lr must be a number of at least 0, but got '1e-3'"],
    [
      { type: 'SGD', lr: '1e-3', paramwise_cfg: { bias_lr_mult: 2 } },
      "lr must be a number where paramwise_cfg multiplies it, but got '1e-3'",
    ],
    [{ type: 'ASGD', lambd: 'x' }, "ASGD: lambd must be a number, but got 'x'"],
    [
      { type: 'Rprop', step_sizes: Tuple.of<unknown>(1, 'a') },
      "step_sizes must be a list or tuple of two numbers, but got (1, 'a')",
    ],
    [
      { type: 'Rprop', etas: null },
      'Rprop: etas must be a list or tuple of two numbers greater than 0, but got None',
    ],
    [
      { type: 'Adam', betas: [0.9, NaN] },
      'Adam: betas must be a list or tuple of two numbers of at least 0 and less than 1, but got [0.9, nan]',
    ],
    [
      { type: 'Adafactor', eps: ['a', 1] },
      "Adafactor: eps must be a list or tuple of two numbers of at least 0, the first of them or None, but got ['a', 1]",
    ],
    [{ type: 'SGD', lr: 0.1, nesterov: 'False' }, "SGD: nesterov must be True or False, but got 'False'"],
  ])('%j', (cfg, message) => {
    expect(() => build(cfg)).toThrow(message);
  });

  test('an unknown line search is told when the config is read, not in the first step', () => {
    expect(() => build({ type: 'LBFGS', line_search_fn: 'wolfe' })).toThrow(
      expect.objectContaining({
        message: "line_search_fn must be 'strong_wolfe' or None, but got 'wolfe'",
        path: 'optimizer.line_search_fn',
      }),
    );
  });

  test('0 and 1 are flags, None is no foreach', () => {
    const cfg = { type: 'SGD', lr: 0.1, momentum: 0.9, nesterov: 1, maximize: 0, foreach: null };
    expect(build(cfg).paramGroups[0]).toMatchObject({ nesterov: 1, maximize: 0, foreach: null });
  });
});

describe('explainParams', () => {
  const rulesOf = (paramwise_cfg: unknown, net: Module = new Net()): [string, string][] => {
    const rules = explainParams(net, { ...BASE, paramwise_cfg }, makeContext());
    return [...(rules ?? [])].map(([param, rule]) => [param.name, rule]);
  };

  test('each parameter names the rule that decided about it', () => {
    const custom_keys = { 'conv.w': { lr_mult: 0.1, decay_mult: 2 }, dw: {} };
    const paramwise_cfg = { custom_keys, bias_lr_mult: 2, bias_decay_mult: 0.5, norm_decay_mult: 0 };
    expect(rulesOf(paramwise_cfg)).toEqual([
      ['conv.weight', "custom_keys['conv.w']: lr_mult=0.1, decay_mult=2"],
      ['conv.bias', 'bias_lr_mult=2, bias_decay_mult=0.5'],
      ['dw.weight', "custom_keys['dw']"],
      ['bn.weight', 'norm_decay_mult=0'],
      ['bn.bias', 'norm_decay_mult=0'],
    ]);
    expect(rulesOf({ dwconv_decay_mult: 0.1 }).map(([, rule]) => rule)).toEqual([
      'default',
      'default',
      'dwconv_decay_mult=0.1',
      'default',
      'default',
    ]);
  });

  test('without paramwise_cfg, and for frozen parameters, no rule decides', () => {
    expect(new Set(rulesOf(undefined).map(([, rule]) => rule))).toEqual(new Set(['default']));
    const net = new Net();
    net.bn.requiresGrad(false);
    expect(rulesOf({ norm_decay_mult: 0 }, net)[3]).toEqual(['bn.weight', 'default']);
  });

  test('a constructor of the person explains nothing', () => {
    const context = makeContext();
    class Mine extends DefaultOptimizerConstructor {}
    context.registries.OPTIMIZER_BUILDERS.registerModule()(Mine);
    expect(explainParams(new Net(), { ...BASE, constructor: 'Mine' }, context)).toBeNull();
  });
});
