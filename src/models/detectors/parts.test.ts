// Backbones and necks of every kind in the compiled step: the same bits as without it, and nothing that can't be recorded.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disposeEngine, dispose, read } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { values } from '../../gpu/testing/numbers.ts';
import { Rng } from '../../util/prng.ts';
import { PartsDetector } from '../testing/partsDetector.ts';
import type { TrainBatch } from './batch.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => disposeEngine());

const batch = (size: number, seed: number): TrainBatch => ({
  img: values(2 * size * size * 3, seed),
  shape: [2, size, size, 3],
  imgMetas: [0, 1].map(() => ({
    ...{ img_shape: [size, size, 3], pad_shape: [size, size, 3], ori_shape: [size, size, 3] },
    scale_factor: 1,
  })),
  gtBboxes: [new Float32Array(), new Float32Array()],
  gtLabels: [new Int32Array(), new Int32Array()],
});

const resnet = {
  base_channels: 4,
  norm_eval: false,
  num_stages: 3,
  strides: [1, 2, 2],
  dilations: [1, 1, 2],
  out_indices: [0, 1, 2],
};
const widths = [16, 32, 64];
const hrStage = (block: string, channels: number[]): object => ({
  ...{ num_modules: 1, num_branches: channels.length, block },
  ...{ num_blocks: channels.map(() => 1), num_channels: channels },
});
const hrnet = {
  type: 'HRNet',
  extra: {
    stage1: hrStage('BOTTLENECK', [2]),
    stage2: hrStage('BASIC', [2, 4]),
    stage3: hrStage('BASIC', [2, 4, 8]),
    stage4: hrStage('BASIC', [2, 4, 8, 16]),
  },
  norm_eval: false,
};

test.each([
  [
    { type: 'ResNetV1d', depth: 50, ...resnet },
    { type: 'FPN', in_channels: widths, out_channels: 4, num_outs: 3, upsample_cfg: { mode: 'bilinear' } },
  ],
  [
    { type: 'ResNeXt', depth: 50, groups: 2, base_width: 4, frozen_stages: 1, ...resnet },
    { type: 'PAFPN', in_channels: widths, out_channels: 4, num_outs: 4, add_extra_convs: 'on_output' },
  ],
  [
    { type: 'Res2Net', depth: 50, base_width: 4, ...resnet },
    { type: 'NASFPN', in_channels: widths, out_channels: 4, num_outs: 5, stack_times: 1 },
  ],
  [
    { type: 'ResNeSt', depth: 50, radix: 2, groups: 2, base_width: 4, ...resnet },
    { type: 'ChannelMapper', in_channels: widths, out_channels: 4, num_outs: 4 },
  ],
  [
    { type: 'ResNet', depth: 18, conv_cfg: { type: 'ConvWS' }, ...resnet },
    {
      type: 'CTResNetNeck',
      in_channel: 16,
      num_deconv_filters: [4],
      num_deconv_kernels: [4],
      use_dcn: false,
    },
  ],
  [hrnet, { type: 'HRFPN', in_channels: [2, 4, 8, 16], out_channels: 4, num_outs: 3 }],
  [
    { type: 'CSPDarknet', deepen_factor: 0.1, widen_factor: 0.0625, use_depthwise: true },
    { type: 'YOLOXPAFPN', in_channels: [16, 32, 64], out_channels: 4, num_csp_blocks: 1 },
  ],
  [
    { type: 'MobileNetV2', widen_factor: 0.1, out_indices: [4, 7], frozen_stages: 1 },
    {
      ...{ type: 'SSDNeck', in_channels: [16, 1280], out_channels: [16, 1280, 8] },
      ...{ level_strides: [2], level_paddings: [1], use_depthwise: true },
    },
  ],
  [
    { type: 'ResNet', depth: 18, ...resnet, strides: [1, 1, 1] },
    { type: 'BFP', in_channels: 4, num_levels: 1, refine_level: 0, refine_type: 'non_local' },
  ],
] as [Record<string, unknown>, Record<string, unknown>][])('$type', async (backbone, neck) => {
  const cfg = neck.type === 'BFP' ? { ...backbone, out_indices: [0] } : backbone;
  const rows: number[][][] = [];
  const reasons: string[] = [];
  for (const eager of [true, false]) {
    const model = await PartsDetector.build(cfg, neck);
    await model.initWeights(new Rng(3));
    model.setStepMode({ eager, onFallback: (step, reason) => reasons.push(`${step}: ${reason}`) });
    model.train();
    const bits: number[][] = [];
    // The first step records, the second looks at it again, the third replays.
    for (const seed of [1, 2, 3, 4]) {
      const { grads, logVars } = model.trainStep(batch(64, seed));
      for (const t of [logVars.values, ...(grads?.values() ?? [])]) {
        bits.push([...new Uint32Array((await read(t)).buffer)]);
        dispose(t);
      }
    }
    for (const [, buffer] of model.namedBuffers())
      bits.push('value' in buffer ? [buffer.value] : [...(await buffer.toTorch())]);
    rows.push(bits);
    model.dispose();
  }
  expect(reasons).toEqual([]);
  expect(rows[1]).toEqual(rows[0]);
  expect(
    rows[0]?.[0]?.every((word) => Number.isFinite(new Float32Array(Uint32Array.of(word).buffer)[0])),
  ).toBe(true);
});
