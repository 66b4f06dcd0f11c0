import { describe, expect, test } from 'vitest';
import { TrainerError } from '../errors/trainerError.ts';
import { BatchNorm2d, Conv2d, Module } from '../nn/index.ts';
import { BuildContext, createRunRegistries, type RunServices } from '../registry/index.ts';
import { buildOptimizer, DefaultOptimizerConstructor, explainParams, type Optimizer } from './index.ts';

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
  return optimizer.paramGroups.map(({ params: [param], lr, weight_decay }) => [param.name, lr, weight_decay]);
}

describe('buildOptimizer', () => {
  test('without paramwise_cfg there is one group with every parameter', () => {
    const { paramGroups } = build(BASE);
    expect(paramGroups).toHaveLength(1);
    expect(paramGroups[0].params.map((param) => param.name)).toEqual([
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
