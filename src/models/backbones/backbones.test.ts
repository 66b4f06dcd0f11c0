// What state dicts and eval outputs (conformance/parts.test.ts) don't show: starting values, freezing, shapes of kinds
// that no fixture has.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as gpu from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { values } from '../../gpu/testing/numbers.ts';
import type { Module } from '../../nn/index.ts';
import { at } from '../../util/at.ts';
import { Rng } from '../../util/prng.ts';
import { problemsOf, buildPart } from '../testing/buildPart.ts';
import type { Backbone } from './backbone.ts';
import { BOTTLENECK, ResLayer } from './resBlocks.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const build = (cfg: Record<string, unknown>): Promise<Backbone> => buildPart<Backbone>(cfg);

async function started(cfg: Record<string, unknown>): Promise<(name: string) => number[]> {
  const net = await build(cfg);
  await net.initWeights(new Rng(1));
  const state = await net.stateDict();
  return (name) => {
    const entry = state.get(name);
    if (!entry) throw new Error(`no ${name}`);
    return Array.from(entry.data, Number);
  };
}

const names = (net: Module): string[] => net.namedParameters().map(([name]) => name);
const frozen = (net: Module): string[] =>
  net
    .namedParameters()
    .filter(([, { requiresGrad }]) => !requiresGrad)
    .map(([name]) => name);
const shapeOf = (net: Module, name: string): readonly number[] | undefined =>
  new Map(net.namedParameters()).get(name)?.shape;
const std = (list: number[]): number => Math.sqrt(list.reduce((sum, v) => sum + v * v, 0) / list.length);

describe('ResNet', () => {
  test('deep_stem and avg_down: names and shapes of ResNetV1d, whose stem freezes as a whole', async () => {
    const net = await build({ type: 'ResNetV1d', depth: 50, base_channels: 8, frozen_stages: 0 });
    expect(names(net).slice(0, 9)).toEqual(
      [0, 3, 6].flatMap((i) => [`stem.${i}.weight`, `stem.${i + 1}.weight`, `stem.${i + 1}.bias`]),
    );
    expect([0, 3, 6].map((i) => shapeOf(net, `stem.${i}.weight`))).toEqual([
      [4, 3, 3, 3],
      [4, 4, 3, 3],
      [8, 4, 3, 3],
    ]);
    expect(names(net)).toContain('layer2.0.downsample.1.weight');
    expect(names(net)).not.toContain('layer2.0.downsample.0.weight');
    expect(frozen(net)).toEqual(names(net).filter((name) => name.startsWith('stem')));
    expect(net.children().get('stem')?.training).toBe(false);
    const deep = { type: 'ResNet', depth: 50, base_channels: 8, deep_stem: true, avg_down: true };
    expect(names(await build(deep))).toEqual(names(net));
    // 33 px: 17 behind the stem, 9 behind pooling, 5 where averages round up.
    const shapes = net.forward(gpu.zeros([1, 33, 33, 3])).map(({ shape }) => shape.slice(1));
    expect(shapes).toEqual([
      [9, 9, 32],
      [5, 5, 64],
      [3, 3, 128],
      [2, 2, 256],
    ]);
    net.dispose();
  });

  test.each([
    [18, 11],
    [34, 21],
    [101, 44],
    [152, 60],
  ])('depth %i, dilations and out_indices', async (depth) => {
    const net = await build({
      ...{ type: 'ResNet', depth, base_channels: 4, num_stages: 3, out_indices: [2] },
      ...{ strides: [1, 2, 1], dilations: [1, 1, 2] },
    });
    const levels = net.forward(gpu.zeros([1, 32, 32, 3]));
    expect(levels.map(({ shape }) => shape)).toEqual([[1, 4, 4, depth < 50 ? 16 : 64]]);
    net.dispose();
  });

  test('the last norm of each block starts at 0: in RegNet too, but not in ResNeXt, where asking for it is told', async () => {
    const widths = { base_channels: 4 };
    const ofResnet = await started({ type: 'ResNet', depth: 50, ...widths });
    const arch = { w0: 8, wa: 8, wm: 2, group_w: 4, depth: 4, bot_mul: 1 };
    const ofRegnet = await started({
      ...{ type: 'RegNet', arch, out_indices: [0], strides: [2, 2, 2], dilations: [1, 1, 1] },
    });
    const ofResnext = await started({ type: 'ResNeXt', depth: 50, groups: 2, ...widths });
    const bn3 = 'layer1.0.bn3.weight';
    expect([ofResnet, ofRegnet, ofResnext].map((state) => state(bn3)[0])).toEqual([0, 0, 1]);
    const asked = await problemsOf({ type: 'ResNeXt', depth: 50, zero_init_residual: true });
    expect(asked.map(({ path, code }) => [path, code])).toEqual([['part.zero_init_residual', 'no-effect']]);
    expect(await problemsOf({ type: 'ResNeXt', depth: 50 })).toEqual([]);
  });

  test.each([
    ['pytorch', true],
    ['caffe', false],
  ] as const)('%s: that the stride passes over no pixel is %j', async (style, isSeen) => {
    const [convCfg, normCfg] = [null, { type: 'BN' }];
    const sizes = { inplanes: 4, planes: 16, numBlocks: 1, stride: 2, dilation: 1, avgDown: false };
    const layer = new ResLayer({ ...sizes, block: BOTTLENECK, style, convCfg, normCfg, initCfg: null });
    await layer.initWeights(new Rng(1));
    layer.eval();
    const x = gpu.variable(gpu.tensor(values(64), [1, 4, 4, 4]));
    const { grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(gpu.square(layer.forward(x))) }), [x]);
    // The pixel at (1, 1), which neither a 1x1 convolution nor the shortcut reads with stride 2.
    const slope = await gpu.read(gpu.slice(grads[0]!, [0, 1, 1, 0], [1, 1, 1, 4]));
    expect(slope.some((v) => v !== 0)).toBe(isSeen);
    layer.dispose();
  });
});

test.each([
  // paper and MMDetection's own example
  ['regnetx_3.2gf', [96, 192, 432, 1008], [2, 6, 15, 2], 48],
  ['regnetx_400mf', [32, 64, 160, 384], [1, 2, 7, 12], 16],
  ['regnetx_800mf', [64, 128, 288, 672], [1, 3, 7, 5], 16],
  ['regnetx_1.6gf', [72, 168, 408, 912], [2, 4, 10, 2], 24],
  ['regnetx_4.0gf', [80, 240, 560, 1360], [2, 5, 14, 2], 40],
  ['regnetx_6.4gf', [168, 392, 784, 1624], [2, 4, 10, 1], 56],
  ['regnetx_8.0gf', [80, 240, 720, 1920], [2, 5, 15, 1], 120],
  ['regnetx_12gf', [224, 448, 896, 2240], [2, 5, 11, 1], 112],
])('RegNet %s: widths %j, blocks %j, groups of %i', async (arch, widths, blocks, group) => {
  const net = await build({ type: 'RegNet', arch });
  widths.forEach((width, i) => {
    const stage = `layer${i + 1}`;
    const conv2 = shapeOf(net, `${stage}.0.conv2.weight`);
    expect(conv2).toEqual([width, Math.min(group, width), 3, 3]);
    const last = names(net).filter((name) => name.startsWith(stage) && name.endsWith('conv1.weight'));
    expect(last).toHaveLength(at(blocks, i));
  });
  expect(shapeOf(net, 'conv1.weight')).toEqual([32, 3, 3, 3]);
});

describe('what freezes', () => {
  const layers = (net: Module): string[] => [...new Set(frozen(net).map((name) => name.split('.')[0] ?? ''))];

  test.each([
    [{ type: 'MobileNetV2', widen_factor: 0.25, frozen_stages: 2 }, ['conv1', 'layer1', 'layer2']],
    [{ type: 'Darknet', frozen_stages: 2 }, ['conv1', 'conv_res_block1']],
    [{ type: 'CSPDarknet', widen_factor: 0.125, frozen_stages: 1 }, ['stem', 'stage1']],
    [{ type: 'CSPDarknet', widen_factor: 0.125 }, []],
  ])('%j: %j, once it trains', async (cfg, expected) => {
    const net = await build(cfg);
    // MMDetection's classes freeze in train() only.
    expect(layers(net)).toEqual([]);
    net.train();
    expect(layers(net)).toEqual(expected);
  });

  test('nothing is recorded below the first part that trains', async () => {
    const net = await build({ type: 'MobileNetV2', widen_factor: 0.25, out_indices: [1], frozen_stages: 7 });
    net.train();
    const x = gpu.variable(gpu.ones([1, 64, 64, 3]));
    const { grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(at(net.forward(x), 0)) }), [x]);
    expect(grads).toEqual([null]);
    net.dispose();
  });
});

describe('how weights start', () => {
  test('CSPDarknet: uniform as PyTorch, also in depthwise and in Focus', async () => {
    const state = await started({ type: 'CSPDarknet', widen_factor: 0.25, use_depthwise: true });
    for (const [name, fanIn] of [
      ['stem.conv.conv.weight', 12 * 9],
      ['stage1.0.depthwise_conv.conv.weight', 9],
    ] as const) {
      const values = state(name);
      const bound = 1 / Math.sqrt(fanIn);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound * (1 + 1e-6));
      expect(std(values) / (bound / Math.sqrt(3))).toBeCloseTo(1, 0);
    }
  });

  test('SSDVGG: Kaiming normal of all convolutions, biases 0', async () => {
    const state = await started({ type: 'SSDVGG', depth: 11, out_feature_indices: [24] });
    expect(std(state('features.0.weight')) / (Math.SQRT2 / Math.sqrt(64 * 9))).toBeCloseTo(1, 1);
    expect(state('features.0.bias').every((v) => v === 0)).toBe(true);
  });
});

test('SSDVGG: a layer that a shallower network doesn’t have is told, and left out', async () => {
  const problems = await problemsOf({ type: 'SSDVGG', depth: 11 });
  expect(problems.map(({ path, message }) => [path, message])).toEqual([
    [
      'part.out_feature_indices',
      'SSDVGG: out_feature_indices has 34, but there are 25 layers; 1 feature map comes out',
    ],
  ]);
});

test('SSD512: the sizes of MMDetection’s levels', async () => {
  const net = await build({ type: 'SSDVGG', depth: 11, out_feature_indices: [14, 24] });
  for (const [, parameter] of net.namedParameters()) parameter.fromTorch(new Float32Array(parameter.size));
  // 75 rounds up to 38.
  const shapes = net.forward(gpu.zeros([1, 75, 75, 3])).map(({ shape }) => shape.slice(1));
  expect(shapes).toEqual([
    [10, 10, 512],
    [5, 5, 1024],
  ]);
  net.dispose();
});

describe('what is refused', () => {
  test.each([
    [{ type: 'CSPDarknet', out_indices: [5] }, 'out_indices must be below the number of parts, 5, but got 5'],
    [{ type: 'CSPDarknet', frozen_stages: 5 }, 'frozen_stages must be -1 to 4, but got 5'],
    [{ type: 'CSPDarknet', arch_ovewrite: [[64, 128]] }, 'arch_ovewrite[0] must be channels in and out'],
    [
      { type: 'SSDVGG', depth: 16, out_feature_indices: [35] },
      'out_feature_indices must name one of its 35 layers, but has 35',
    ],
    [{ type: 'MobileNetV2', out_indices: [8] }, 'out_indices'],
    [{ type: 'RegNet', arch: 'regnety' }, 'arch'],
    [
      { type: 'RegNet', arch: { w0: 9, wa: 8, wm: 2, group_w: 4, depth: 4, bot_mul: 1 } },
      'w0 must be a multiple of 8',
    ],
    [
      { type: 'Darknet', pretrained: 'a.pth', init_cfg: { type: 'Normal' } },
      'init_cfg and pretrained must not be given both',
    ],
  ])('%j', async (cfg, message) => {
    await expect(build(cfg)).rejects.toThrow(message);
  });

  test('pictures that YOLOX can’t halve, and those of other channels', async () => {
    const net = await build({ type: 'CSPDarknet', widen_factor: 0.125, deepen_factor: 0.1 });
    expect(() => net.forward(gpu.zeros([1, 33, 32, 3]))).toThrow("the picture's sides must be even");
    expect(() => net.forward(gpu.zeros([1, 32, 32, 1]))).toThrow('channels that come in, 1');
    net.dispose();
  });
});
