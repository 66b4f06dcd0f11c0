import { describe, expect, test } from 'vitest';
import { Rng } from '../../util/prng.ts';
import {
  BatchNorm2d,
  Conv2d,
  ConvModule,
  Module,
  ModuleList,
  type Parameter,
  type StateTensor,
} from '../index.ts';

class Net extends Module {
  readonly conv = this.addModule('conv', new Conv2d({ inChannels: 32, outChannels: 64, kernelSize: 3 }));
  readonly last = this.addModule('last', new Conv2d({ inChannels: 64, outChannels: 8, kernelSize: 1 }));
  readonly bn = this.addModule('bn', new BatchNorm2d({ numFeatures: 64 }));
  readonly item = new ConvModule({ inChannels: 32, outChannels: 64, kernelSize: 3 });
  readonly list = this.addModule('list', new ModuleList([this.item]));
}

async function spread(parameter: Parameter): Promise<{ mean: number; std: number; max: number }> {
  const values = [...(await parameter.toTorch())];
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), max: Math.max(...values.map(Math.abs)) };
}

async function init(initCfg: unknown): Promise<Net> {
  const net = new Net();
  net.initCfg = initCfg;
  await net.initWeights(new Rng(3));
  return net;
}

describe('initWeights', () => {
  // 18432 values: the sampled spread is within 2 % of the true one with a wide margin.
  const near = (value: number): [number, number] => [value * 0.98, value * 1.02];
  const expectNear = (got: number, [low, high]: [number, number]): void => {
    expect(got).toBeGreaterThan(low);
    expect(got).toBeLessThan(high);
  };

  test('without init_cfg a Conv2d starts like PyTorch, a ConvModule like MMCV', async () => {
    const net = await init(null);
    const { std, max } = await spread(net.conv.weight);
    // Uniform in ±1 / sqrt(32 * 9).
    expectNear(std, near(1 / Math.sqrt(288) / Math.sqrt(3)));
    expect(max).toBeLessThanOrEqual(1 / Math.sqrt(288));
    // Kaiming normal over fan_out = 64 * 9, bias 0.
    const { item } = net;
    expectNear((await spread(item.conv.weight)).std, near(Math.sqrt(2 / 576)));
    expect(await item.conv.bias?.toTorch()).toEqual(new Float32Array(64));
  });

  test('Kaiming, Xavier and Normal have the spread of their formulas, over all layers named', async () => {
    const kaiming = await init([
      { type: 'Kaiming', layer: 'Conv2d' },
      { type: 'Constant', val: 2, bias: 3, layer: '_BatchNorm' },
    ]);
    expectNear((await spread(kaiming.conv.weight)).std, near(Math.sqrt(2 / 576)));
    expect((await spread(kaiming.bn.weight as Parameter)).mean).toBe(2);
    expect((await spread(kaiming.bn.bias as Parameter)).mean).toBe(3);
    const xavier = await init({ type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' });
    expectNear((await spread(xavier.item.conv.weight)).std, near(Math.sqrt(2 / (288 + 576))));
    const normal = await init({ type: 'Normal', layer: 'Conv2d', std: 0.01 });
    expectNear((await spread(normal.conv.weight)).std, near(0.01));
    expect((await spread(normal.conv.bias as Parameter)).max).toBe(0);
  });

  test('override touches one attribute whole; bias_prob 0.01 gives -4.595', async () => {
    const net = await init({
      type: 'Normal',
      layer: 'Conv2d',
      std: 0.01,
      override: { type: 'Constant', name: 'last', val: 1, bias_prob: 0.01 },
    });
    expect((await spread(net.last.weight)).mean).toBe(1);
    expect((await net.last.bias?.toTorch())?.[0]).toBe(Math.fround(-Math.log(99)));
    expect((await spread(net.conv.weight)).max).toBeLessThan(0.1);
  });

  test('the same generator gives the same weights', async () => {
    const [a, b] = [await init(null), await init(null)];
    expect(await a.stateDict()).toEqual(await b.stateDict());
  });

  test('Pretrained loads through the given hook, with a prefix', async () => {
    const net = new Net();
    net.initCfg = { type: 'Pretrained', checkpoint: 'checkpoints/a.pth', prefix: 'backbone' };
    const warnings: string[] = [];
    await net.initWeights(new Rng(0), {
      loadPretrained: async (path) => {
        expect(path).toBe('checkpoints/a.pth');
        const data = new Float32Array(8).fill(5);
        return new Map([['backbone.last.bias', { shape: [8], dtype: 'float32', data }]]);
      },
      warn: (message) => warnings.push(message),
    });
    expect((await net.last.bias?.toTorch())?.[3]).toBe(5);
    expect(warnings[0]).toContain('missing keys in source state_dict: conv.weight');
  });

  const ofDetector = async (): Promise<Map<string, StateTensor>> => {
    const state = await new Net().stateDict();
    return new Map([...state].map(([name, value]) => [`backbone.${name}`, value]));
  };
  const pretrained = (cfg: Record<string, unknown>): Promise<void> => {
    const net = new Net();
    net.initCfg = { type: 'Pretrained', checkpoint: 'checkpoints/a.pth', ...cfg };
    return net.initWeights(new Rng(0), { loadPretrained: ofDetector });
  };

  test("Pretrained with a whole detector's file: refused without prefix, and the prefix is in the hint", async () => {
    await expect(pretrained({})).rejects.toMatchObject({
      code: 'foreign-checkpoint',
      path: 'model.init_cfg.checkpoint',
      hint: "write init_cfg=dict(type='Pretrained', checkpoint='checkpoints/a.pth', prefix='backbone.')",
    });
    await expect(pretrained({ prefix: 'backbone.' })).resolves.toBeUndefined();
    await expect(pretrained({ prefix: 'neck' })).rejects.toMatchObject({
      path: 'model.init_cfg.prefix',
      hint: "its names begin with 'backbone.'",
    });
  });

  test.each([
    [{ type: 'Kaimming', layer: 'Conv2d' }, 'is not an initialiser'],
    [{ type: 'Normal', layer: 'Conv2d', stdd: 1 }, "unexpected argument 'stdd'"],
    [{ type: 'Normal', layer: 'Conv2d', override: { name: 'head' } }, "no attribute 'head'"],
    [{ type: 'Normal', override: { type: 'Normal', std: 1 } }, 'must contain the key "name"'],
    [{ type: 'Kaiming', layer: 'BatchNorm2d' }, 'at least 2 dimensions'],
    ['Kaiming', 'must be a dict or a list of dicts'],
  ])('refuses %j', async (cfg, message) => {
    await expect(init(cfg)).rejects.toThrow(message);
  });
});
