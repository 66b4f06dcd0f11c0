// Kinds that no fixture has: numbers of parameters as published, what single blocks compute, and that everything learns.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as gpu from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { expectClose, values } from '../../gpu/testing/numbers.ts';
import type { Module } from '../../nn/index.ts';
import { at } from '../../util/at.ts';
import { Rng } from '../../util/prng.ts';
import { buildPart, problemsOf } from '../testing/buildPart.ts';
import type { Backbone } from './backbone.ts';
import type { ResBlock } from './resBlocks.ts';
import { SplitAttentionConv2d } from './resnest.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const stage = (modules: number, block: string, blocks: number, channels: number[]): object => ({
  num_modules: modules,
  num_branches: channels.length,
  block,
  num_blocks: channels.map(() => blocks),
  num_channels: channels,
});

/** HRNet's stages by the width of its first branch. */
const hrStages = (width: number, modules: readonly number[] = [1, 4, 3], blocks = 4, first = 64): object => {
  const widths = [1, 2, 4, 8].map((factor) => width * factor);
  return {
    stage1: stage(1, 'BOTTLENECK', blocks, [first]),
    stage2: stage(at(modules, 0), 'BASIC', blocks, widths.slice(0, 2)),
    stage3: stage(at(modules, 1), 'BASIC', blocks, widths.slice(0, 3)),
    stage4: stage(at(modules, 2), 'BASIC', blocks, widths),
  };
};

const countOf = (net: Module): number => net.parameters().reduce((sum, { size }) => sum + size, 0);
const namesOf = (net: Module): string[] => net.namedParameters().map(([name]) => name);

// torchvision 0.14 and timm 0.9 publish these with a classifier of 1,000 classes, taken off here.
test.each([
  [{ type: 'MobileNetV2' }, 3_504_872 - 1_281_000],
  [{ type: 'ResNeXt', depth: 50, groups: 32, base_width: 4 }, 25_028_904 - 2_049_000],
  [{ type: 'RegNet', arch: 'regnetx_3.2gf' }, 15_296_552 - 1_009_000],
  // stem_channels=64, as MMDetection's configs have it
  [{ type: 'ResNeSt', depth: 50, stem_channels: 64 }, 27_483_240 - 2_049_000],
] as [Record<string, unknown>, number][])(
  '%j has the published number of parameters, %i',
  async (cfg, count) => {
    expect(countOf(await buildPart<Backbone>(cfg))).toBe(count);
  },
);

test.each([
  // timm's res2net50d: 25.72 M; mmpose's HRNet-W32 with a head of 561: 28.54 M
  [{ type: 'Res2Net', depth: 50 }, 25.72e6 - 2_049_000],
  [{ type: 'HRNet', extra: hrStages(32), multiscale_output: false }, 28.54e6 - 561],
] as [Record<string, unknown>, number][])('%j has about %i parameters', async (cfg, count) => {
  expect(Math.abs(countOf(await buildPart<Backbone>(cfg)) - count)).toBeLessThan(6000);
});

test('HRNet: names of stem, transitions and fusions, and the sizes of its maps', async () => {
  const net = await buildPart<Backbone>({ type: 'HRNet', extra: hrStages(2, [1, 1, 1], 1, 2) });
  const names = namesOf(net);
  expect(names.slice(0, 6)).toEqual(
    ['conv1', 'bn1', 'conv2', 'bn2'].flatMap((name) =>
      name.startsWith('conv') ? [`${name}.weight`] : [`${name}.weight`, `${name}.bias`],
    ),
  );
  const tops = names.map((name) => name.replace(/\.[^.]*$/, ''));
  expect([...new Set(tops.filter((name) => name.startsWith('transition')))]).toEqual([
    ...['transition1.0.0', 'transition1.0.1', 'transition1.1.0.0', 'transition1.1.0.1'],
    ...['transition2.2.0.0', 'transition2.2.0.1', 'transition3.3.0.0', 'transition3.3.0.1'],
  ]);
  expect([...new Set(tops.filter((name) => name.startsWith('stage3.0.fuse')))]).toEqual(
    [
      ...['0.1.0', '0.1.1', '0.2.0', '0.2.1', '1.0.0.0', '1.0.0.1', '1.2.0', '1.2.1'],
      ...['2.0.0.0', '2.0.0.1', '2.0.1.0', '2.0.1.1', '2.1.0.0', '2.1.0.1'],
    ].map((name) => `stage3.0.fuse_layers.${name}`),
  );
  expect(names).toContain('stage4.0.branches.3.0.conv2.weight');
  const maps = net.eval().forward(gpu.zeros([1, 32, 64, 3]));
  expect(maps.map(({ shape }) => shape.slice(1))).toEqual([
    [8, 16, 2],
    [4, 8, 4],
    [2, 4, 8],
    [1, 2, 16],
  ]);
  expect(() => net.forward(gpu.zeros([1, 40, 40, 3]))).toThrow('must be multiples of the coarsest stride');
  net.dispose();
  const few = { type: 'HRNet', extra: hrStages(2, [1, 1, 1], 1, 2), multiscale_output: false };
  const one = await buildPart<Backbone>(few);
  expect(one.eval().forward(gpu.zeros([1, 32, 32, 3]))).toHaveLength(1);
  one.dispose();
});

/** An identity of [c, c, 1, 1], or of the centre of [c, c, 3, 3]. */
function setIdentity(net: Module): void {
  for (const [, parameter] of net.namedParameters()) {
    const [out = 0, inputs = 0, height = 1, width = 1] = parameter.shape;
    if (parameter.shape.length < 4) continue;
    const weight = new Float32Array(parameter.size);
    const centre = ((height - 1) / 2) * width + (width - 1) / 2;
    for (let c = 0; c < Math.min(out, inputs); c++) weight[(c * inputs + c) * height * width + centre] = 1;
    parameter.fromTorch(weight);
  }
}

test.each([
  // a pixel of [1, 2, 4, 8]: in the first block of a stage side by side, later with the part before
  ['0', [1, 2, 4, 8]],
  ['1', [1, 3, 7, 8]],
])('Res2Net: block %s of a stage', async (index, parts) => {
  const cfg = { type: 'Res2Net', depth: 50, base_channels: 1, base_width: 1, stem_channels: 4 };
  const net = await buildPart<Backbone>({ ...cfg, norm_cfg: { type: 'BN', eps: 0 } });
  const block = net.children().get('layer1')?.children().get(index) as ResBlock;
  setIdentity(block);
  block.eval();
  const y = await gpu.read(block.forward(gpu.tensor([1, 2, 4, 8], [1, 1, 1, 4])));
  expect([...y]).toEqual(parts.map((v, i) => v + at([1, 2, 4, 8], i)));
  net.dispose();
});

test('Res2Net: what MMDetection overrides is told', async () => {
  const cfg = { type: 'Res2Net', depth: 50, base_channels: 4, base_width: 2 };
  const told = await problemsOf({ ...cfg, style: 'caffe', avg_down: false, zero_init_residual: true });
  expect(told.map(({ path }) => path)).toEqual(['part.zero_init_residual', 'part.style', 'part.avg_down']);
});

test('ResNeSt: attention chooses between splits, channel by channel, with groups', async () => {
  const [groups, radix, channels] = [2, 2, 4];
  const layer = new SplitAttentionConv2d({
    ...{ channels, groups, radix, reductionFactor: 4, stride: 1, dilation: 1 },
    ...{ convCfg: null, normCfg: { type: 'BN' } },
  });
  layer.eval();
  const parameters = new Map(layer.namedParameters());
  const set = (name: string, data: Float32Array): void => parameters.get(name)?.fromTorch(data);
  const splits = Float32Array.from({ length: channels * radix }, (_, i) => i + 1);
  const logits = values(channels * radix, 3);
  for (const name of ['conv.weight', 'fc2.weight'])
    set(name, new Float32Array(parameters.get(name)?.size ?? 0));
  set('bn0.bias', splits);
  set('fc2.bias', logits);
  const y = await gpu.read(layer.forward(gpu.ones([1, 1, 2, channels])));
  const perGroup = channels / groups;
  const expected = Array.from({ length: channels }, (_, c) => {
    const [group, own] = [Math.floor(c / perGroup), c % perGroup];
    const shares = [0, 1].map((r) => Math.exp(at(logits, (group * radix + r) * perGroup + own)));
    const total = at(shares, 0) + at(shares, 1);
    return [0, 1].reduce((sum, r) => sum + (at(shares, r) / total) * at(splits, r * channels + c), 0);
  });
  expectClose(y, [...expected, ...expected], 1e-5);
  layer.dispose();
});

describe('every parameter gets a finite gradient', () => {
  const tiny = { base_channels: 4, out_indices: [3], norm_eval: false };
  const arch = { w0: 8, wa: 8, wm: 2, group_w: 4, depth: 4, bot_mul: 1 };
  test.each([
    { type: 'ResNetV1d', depth: 50, ...tiny },
    { type: 'ResNeXt', depth: 50, groups: 2, base_width: 2, ...tiny },
    {
      type: 'ResNet',
      depth: 18,
      conv_cfg: { type: 'ConvWS' },
      norm_cfg: { type: 'GN', num_groups: 2 },
      ...tiny,
    },
    { type: 'RegNet', arch, norm_eval: false, strides: [2, 2, 2], dilations: [1, 1, 1], out_indices: [2] },
    { type: 'Res2Net', depth: 50, base_width: 2, ...tiny },
    { type: 'ResNeSt', depth: 50, ...tiny },
    { type: 'MobileNetV2', widen_factor: 0.1, out_indices: [7] },
    { type: 'HRNet', extra: hrStages(2, [1, 1, 1], 1, 2), norm_eval: false },
    { type: 'CSPDarknet', deepen_factor: 0.1, widen_factor: 0.0625, use_depthwise: true, out_indices: [4] },
  ] as Record<string, unknown>[])('$type $conv_cfg.type', async (cfg) => {
    const net = await buildPart<Backbone>(cfg);
    await net.initWeights(new Rng(1));
    net.train();
    const parameters = net.parameters();
    const { grads, aux } = gpu.valueAndGrads(
      () => {
        const maps = net.forward(gpu.tensor(values(2 * 64 * 64 * 3), [2, 64, 64, 3]));
        const losses = maps.map((map) => gpu.mean(gpu.square(map)));
        return { loss: losses.reduce((total, loss) => gpu.add(total, loss)), aux: maps };
      },
      parameters.map((parameter) => parameter.variable),
    );
    for (const [i, grad] of grads.entries()) {
      const sums = grad && (await gpu.read(gpu.sum(gpu.abs(grad))));
      expect(sums && Number.isFinite(sums[0]), at(parameters, i).name).toBe(true);
    }
    gpu.dispose([...aux, ...grads.filter((grad) => grad !== null)]);
    net.dispose();
  });
});
