// What fixtures don't show of necks (conformance/parts.test.ts): those without one, starting values, faults.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as gpu from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { expectClose, values } from '../../gpu/testing/numbers.ts';
import type { Module } from '../../nn/index.ts';
import { at } from '../../util/at.ts';
import { Rng } from '../../util/prng.ts';
import { buildPart, problemsOf } from '../testing/buildPart.ts';
import type { Neck } from './neck.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const build = (cfg: Record<string, unknown>): Promise<Neck> => buildPart<Neck>(cfg);
const namesOf = (net: Module): string[] => net.namedParameters().map(([name]) => name);
const shapesOf = (maps: readonly gpu.Tensor[]): number[][] => maps.map(({ shape }) => shape.slice(1));

/** Levels of halving sizes. */
const levels = (sizes: readonly number[], channels: readonly number[]): gpu.Tensor[] =>
  sizes.map((size, i) =>
    gpu.tensor(values(size * size * at(channels, i), i + 1), [1, size, size, at(channels, i)]),
  );
const constants = (sizes: readonly number[], channels: number, numbers: readonly number[]): gpu.Tensor[] =>
  sizes.map((size, i) => gpu.fill([1, size, size, channels], at(numbers, i)));
const firstOf = async (map: gpu.Tensor): Promise<number> => at(await gpu.read(map), 0);

/** Kernels whose centre passes the channels on. */
function setIdentity(net: Module): void {
  for (const [, parameter] of net.namedParameters()) {
    const [out = 0, inputs = 0, height = 1, width = 1] = parameter.shape;
    const data = new Float32Array(parameter.size);
    const centre = ((height - 1) / 2) * width + (width - 1) / 2;
    if (parameter.shape.length === 4)
      for (let c = 0; c < Math.min(out, inputs); c++) data[(c * inputs + c) * height * width + centre] = 1;
    parameter.fromTorch(data);
  }
}

describe('FPN', () => {
  const cfg = { type: 'FPN', in_channels: [2, 2], out_channels: 2, num_outs: 2 };

  test('upsample_cfg: bilinear by size and by scale_factor, as torch’s interpolate', async () => {
    for (const upsample of [{ mode: 'bilinear' }, { mode: 'bilinear', scale_factor: 2 }]) {
      const net = await build({ ...cfg, upsample_cfg: upsample });
      setIdentity(net);
      const [fine, coarse] = [gpu.zeros([1, 2, 4, 2]), gpu.tensor([0, 0, 1, 1], [1, 1, 2, 2])];
      const [map] = net.forward([fine, coarse]);
      // 0 and 1 to four pixels: 0, 0.25, 0.75, 1
      const row = [0, 0, 0.25, 0.25, 0.75, 0.75, 1, 1];
      expectClose(await gpu.read(map!), [...row, ...row]);
      net.dispose();
    }
  });

  test('a scale_factor that doesn’t fit the next level is told with its cure', async () => {
    const net = await build({ ...cfg, upsample_cfg: { scale_factor: 2 } });
    const inputs = [gpu.zeros([1, 5, 5, 2]), gpu.zeros([1, 3, 3, 2])];
    expect(() => net.forward(inputs)).toThrow('but 6x6 is not 5x5');
    net.dispose();
  });

  test('PAFPN: names, and levels added from the bottom up', async () => {
    const net = await build({
      ...cfg,
      type: 'PAFPN',
      in_channels: [2, 2, 2],
      num_outs: 4,
      add_extra_convs: 'on_output',
    });
    expect([...new Set(namesOf(net).map((name) => name.replace(/\.conv\..*/, '')))]).toEqual([
      ...[0, 1, 2].map((i) => `lateral_convs.${i}`),
      ...[0, 1, 2, 3].map((i) => `fpn_convs.${i}`),
      ...[0, 1].map((i) => `downsample_convs.${i}`),
      ...[0, 1].map((i) => `pafpn_convs.${i}`),
    ]);
    setIdentity(net);
    const maps = net.forward(constants([8, 4, 2], 2, [1, 10, 100]));
    // top down 111, 110, 100; bottom up 111, 221, 321; the extra level of the last output
    expect(await Promise.all(maps.map(firstOf))).toEqual([111, 221, 321, 321]);
    expect(shapesOf(maps).map(([size]) => size)).toEqual([8, 4, 2, 1]);
    net.dispose();
  });
});

describe('HRFPN', () => {
  const cfg = { type: 'HRFPN', in_channels: [1, 2], out_channels: 3, num_outs: 3 };

  test('levels are joined at the first one’s size and pooled; averages, or maxima', async () => {
    for (const [pooling, expected] of [
      ['AVG', [1, 2.5, 4.5]],
      ['MAX', [1, 4, 8]],
    ] as const) {
      const net = await build({ ...cfg, pooling_type: pooling });
      setIdentity(net);
      const fine = gpu.tensor([1, 2, 5, 6, 3, 4, 7, 8, 1, 2, 5, 6, 3, 4, 7, 8], [1, 4, 4, 1]);
      const maps = net.forward([fine, gpu.ones([1, 2, 2, 2])]);
      expect(await Promise.all(maps.map(firstOf))).toEqual(expected);
      expect(shapesOf(maps)).toEqual([
        [4, 4, 3],
        [2, 2, 3],
        [1, 1, 3],
      ]);
      net.dispose();
    }
  });

  test('stride; norm_cfg changes nothing and is told; too many levels', async () => {
    const net = await build({ ...cfg, stride: 2 });
    expect(shapesOf(net.forward(levels([8, 4], [1, 2])))).toEqual([
      [4, 4, 3],
      [2, 2, 3],
      [1, 1, 3],
    ]);
    expect(() => net.forward(levels([2, 1], [1, 2]))).toThrow('num_outs must be so small');
    expect((await problemsOf({ ...cfg, norm_cfg: { type: 'BN' } })).map(({ path }) => path)).toEqual([
      'part.norm_cfg',
    ]);
    expect(namesOf(await build({ ...cfg, norm_cfg: { type: 'BN' } }))).toEqual(namesOf(net));
    net.dispose();
  });
});

describe('BFP', () => {
  const cfg = { type: 'BFP', in_channels: 2, num_levels: 3, refine_level: 1 };

  test('each level gets the average of all', async () => {
    const net = await build(cfg);
    const maps = net.forward(constants([6, 3, 2], 2, [1, 2, 6]));
    expect(await Promise.all(maps.map(firstOf))).toEqual([4, 5, 9]);
    expect(shapesOf(maps).map(([size]) => size)).toEqual([6, 3, 2]);
  });

  test('non_local: starts as nothing; by equal likeness each pixel gets the mean', async () => {
    const net = await build({ ...cfg, refine_type: 'non_local' });
    expect(namesOf(net)).toEqual(
      ['g', 'conv_out', 'theta', 'phi'].flatMap((name) =>
        ['weight', 'bias'].map((key) => `refine.${name}.conv.${key}`),
      ),
    );
    await net.initWeights(new Rng(1));
    const inputs = levels([4, 2, 1], [2, 2, 2]);
    const plain = (await build(cfg)).forward(inputs);
    const started = net.forward(inputs);
    expect([...(await gpu.read(started[1]!))]).toEqual([...(await gpu.read(plain[1]!))]);
    setIdentity(net);
    for (const [name, parameter] of net.namedParameters())
      if (/theta|phi/.test(name)) parameter.fromTorch(new Float32Array(parameter.size));
    // Level 1 alone: the mean over its pixels is added to the average before the input is.
    const only = [
      gpu.zeros([1, 4, 4, 2]),
      gpu.tensor([3, 0, 0, 0, 0, 0, 9, 0], [1, 2, 2, 2]),
      gpu.zeros([1, 1, 1, 2]),
    ];
    const y = await gpu.read(net.forward(only)[1]!);
    // average [1, 0, 0, 3], their mean 1
    expectClose(
      [0, 2, 4, 6].map((i) => at(y, i)),
      [1 + 1 + 3, 1, 1, 3 + 1 + 9],
    );
    net.dispose();
  });

  test('refine_level must be there', async () => {
    await expect(build({ ...cfg, refine_level: 3 })).rejects.toThrow(
      'refine_level must be below num_levels=3',
    );
  });
});

test('ChannelMapper: further levels of the last input', async () => {
  const net = await build({ type: 'ChannelMapper', in_channels: [2, 4], out_channels: 3, num_outs: 4 });
  expect(shapesOf(net.forward(levels([8, 4], [2, 4])))).toEqual([
    [8, 8, 3],
    [4, 4, 3],
    [2, 2, 3],
    [1, 1, 3],
  ]);
  expect(new Map(net.namedParameters()).get('extra_convs.0.conv.weight')?.shape).toEqual([3, 4, 3, 3]);
  expect(new Map(net.namedParameters()).get('extra_convs.1.conv.weight')?.shape).toEqual([3, 3, 3, 3]);
  net.dispose();
});

describe('CTResNetNeck', () => {
  const cfg = { type: 'CTResNetNeck', in_channel: 8, num_deconv_filters: [4, 2], num_deconv_kernels: [4, 4] };

  test('names, bilinear start, and twice the size in each step', async () => {
    const net = await build({ ...cfg, use_dcn: false });
    expect(namesOf(net)).toEqual(
      [0, 1, 2, 3].flatMap((i) =>
        ['conv.weight', 'bn.weight', 'bn.bias'].map((key) => `deconv_layers.${i}.${key}`),
      ),
    );
    await net.initWeights(new Rng(1));
    const state = await net.stateDict();
    const weight = state.get('deconv_layers.1.conv.weight');
    expect(weight?.shape).toEqual([4, 4, 4, 4]);
    const row = [0.0625, 0.1875, 0.1875, 0.0625];
    // the first filter of input channel 3
    expect(Array.from(weight!.data, Number).slice(3 * 64, 3 * 64 + 4)).toEqual(row);
    const [map] = net.forward([gpu.zeros([1, 1, 1, 3]), gpu.ones([2, 3, 2, 8])]);
    expect(map?.shape).toEqual([2, 12, 8, 2]);
    net.dispose();
  });

  test('deformable convolution is refused with what to write', async () => {
    await expect(build(cfg)).rejects.toThrow('use_dcn=True (deformable convolution) is not supported');
  });
});

describe('NASFPN', () => {
  const cfg = {
    type: 'NASFPN',
    in_channels: [2, 4, 8],
    out_channels: 4,
    num_outs: 5,
    stack_times: 2,
    norm_cfg: { type: 'BN' },
  };

  test('names of its cells, and sizes, also those that don’t divide', async () => {
    const net = await build(cfg);
    const cells = namesOf(net).filter((name) => name.startsWith('fpn_stages.0'));
    expect([...new Set(cells.map((name) => name.split('.')[2]))]).toEqual([
      ...['gp_64_4', 'sum_44_4', 'sum_43_3', 'sum_34_4', 'sum_55_5', 'sum_77_7', 'gp_75_6'],
    ]);
    expect(cells.slice(0, 4)).toEqual(
      ['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias'].map(
        (key) => `fpn_stages.0.gp_64_4.out_conv.${key}`,
      ),
    );
    expect(namesOf(net)).toContain('extra_downsamples.1.0.conv.weight');
    net.eval();
    for (const sizes of [
      [16, 8, 4],
      [21, 11, 6],
    ])
      expect(shapesOf(net.forward(levels(sizes, [2, 4, 8])))).toEqual(
        [...sizes, Math.floor(at(sizes, 2) / 2), Math.floor(Math.floor(at(sizes, 2) / 2) / 2)].map((size) => [
          size,
          size,
          4,
        ]),
      );
    net.dispose();
  });

  test('five levels, no other number', async () => {
    await expect(build({ ...cfg, num_outs: 4 })).rejects.toThrow('num_outs must be 5');
  });
});

test('SSDNeck: L2Norm starts at l2_norm_scale; counts that don’t fit each other', async () => {
  const cfg = {
    ...{ type: 'SSDNeck', in_channels: [4, 8], out_channels: [4, 8, 4] },
    ...{ level_strides: [2], level_paddings: [1], l2_norm_scale: 7 },
  };
  const net = await build(cfg);
  await net.initWeights(new Rng(1));
  expect(Array.from((await net.stateDict()).get('l2_norm.weight')!.data, Number)).toEqual([7, 7, 7, 7]);
  await expect(build({ ...cfg, level_paddings: [1, 1] })).rejects.toThrow(
    'an entry for each further level (1)',
  );
  await expect(build({ ...cfg, out_channels: [4, 6, 4] })).rejects.toThrow(
    'must begin with in_channels (4, 8)',
  );
  await expect(build({ ...cfg, out_channels: [4, 8] })).rejects.toThrow('more entries than in_channels (2)');
});

test('YOLOV3Neck: its convolutions start by the slope of LeakyReLU', async () => {
  const net = await build({ type: 'YOLOV3Neck', num_scales: 2, in_channels: [8, 4], out_channels: [64, 16] });
  await net.initWeights(new Rng(1));
  const data = Array.from((await net.stateDict()).get('detect1.conv2.conv.weight')!.data, Number);
  const std = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
  // fan_out = 128 x 9
  expect(std / Math.sqrt(2 / 1.01 / 1152)).toBeCloseTo(1, 2);
  await expect(
    build({ type: 'YOLOV3Neck', num_scales: 3, in_channels: [8, 4], out_channels: [8, 4] }),
  ).rejects.toThrow('must have num_scales=3 entries');
  net.dispose();
});

test('DilatedEncoder: Caffe2 Xavier outside, small values in blocks', async () => {
  const net = await build({
    ...{ type: 'DilatedEncoder', in_channels: 8, out_channels: 16, block_mid_channels: 16 },
    ...{ num_residual_blocks: 1, block_dilations: [2] },
  });
  await net.initWeights(new Rng(1));
  const state = await net.stateDict();
  const largest = (name: string): number =>
    Math.max(...Array.from(state.get(name)!.data, Number).map(Math.abs));
  // uniform to sqrt(3 / fan_in)
  expect(largest('fpn_conv.weight')).toBeLessThanOrEqual(Math.sqrt(3 / 144) * (1 + 1e-6));
  expect(largest('lateral_conv.weight')).toBeGreaterThan(0.9 * Math.sqrt(3 / 8));
  expect(largest('lateral_conv.bias')).toBe(0);
  expect(largest('dilated_encoder_blocks.0.conv1.conv.weight')).toBeLessThan(0.06);
  net.dispose();
});

describe('every parameter gets a finite gradient', () => {
  const widths = { in_channels: [4, 8, 16], out_channels: 8 };
  test.each([
    { type: 'PAFPN', ...widths, num_outs: 4 },
    { type: 'HRFPN', ...widths, num_outs: 3 },
    { type: 'NASFPN', ...widths, num_outs: 5, stack_times: 1, norm_cfg: { type: 'BN' } },
    { type: 'YOLOXPAFPN', ...widths, num_csp_blocks: 1 },
    { type: 'ChannelMapper', ...widths, num_outs: 4 },
    { type: 'BFP', in_channels: 8, num_levels: 3, refine_level: 1, refine_type: 'non_local' },
  ] as Record<string, unknown>[])('$type', async (cfg) => {
    const net = await build(cfg);
    await net.initWeights(new Rng(1));
    const channels = cfg.type === 'BFP' ? [8, 8, 8] : [4, 8, 16];
    const inputs = levels([16, 8, 4], channels).map((level) => gpu.variable(gpu.concat([level, level])));
    const parameters = net.parameters();
    const { grads } = gpu.valueAndGrads(() => {
      const losses = net.forward(inputs).map((map) => gpu.mean(gpu.square(map)));
      return { loss: losses.reduce((total, loss) => gpu.add(total, loss)) };
    }, [...inputs, ...parameters.map((parameter) => parameter.variable)]);
    for (const [i, grad] of grads.entries()) {
      const sums = grad && (await gpu.read(gpu.sum(gpu.abs(grad))));
      expect(sums && Number.isFinite(sums[0]), namesOf(net)[i - 3]).toBe(true);
    }
    net.dispose();
  });
});
