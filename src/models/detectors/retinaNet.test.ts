import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, dispose, memory, read } from '../../gpu/index.ts';
import type { DeviceError } from '../../errors/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { failBuffers } from '../../gpu/testing/outOfMemory.ts';
import { BuildContext, createRunRegistries } from '../../registry/index.ts';
import { Rng } from '../../util/prng.ts';
import '../index.ts';
import type { TrainBatch } from './batch.ts';
import type { SingleStageDetector } from './singleStageDetector.ts';
import { at, take } from '../../util/at.ts';

const warnings: string[] = [];

function build(model: Record<string, unknown>): SingleStageDetector {
  const services = { seed: 0, warn: (text: string) => warnings.push(text) };
  const context = new BuildContext(createRunRegistries(), services as never);
  return context.build<SingleStageDetector>('MODELS', model, 'model');
}

// A network small enough for any adapter.
function tinyCfg(
  changes: Record<string, unknown> = {},
  backbone: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    type: 'RetinaNet',
    backbone: { type: 'ResNet', depth: 18, base_channels: 4, norm_eval: false, ...backbone },
    neck: {
      type: 'FPN',
      in_channels: [4, 8, 16, 32],
      out_channels: 8,
      start_level: 1,
      add_extra_convs: 'on_input',
      num_outs: 3,
    },
    bbox_head: {
      type: 'RetinaHead',
      num_classes: 2,
      in_channels: 8,
      stacked_convs: 1,
      feat_channels: 8,
      anchor_generator: {
        type: 'AnchorGenerator',
        octave_base_scale: 4,
        scales_per_octave: 1,
        ratios: [1],
        strides: [8, 16, 32],
      },
      loss_cls: { type: 'FocalLoss', use_sigmoid: true },
      loss_bbox: { type: 'L1Loss' },
      ...changes,
    },
    train_cfg: {
      assigner: { type: 'MaxIoUAssigner', pos_iou_thr: 0.5, neg_iou_thr: 0.4 },
      allowed_border: -1,
      pos_weight: -1,
    },
    test_cfg: { nms_pre: 100, score_thr: 0.0, nms: { type: 'nms', iou_threshold: 0.5 }, max_per_img: 5 },
  };
}

function batch(gt: number[][][]): TrainBatch {
  const shape = [gt.length, 64, 64, 3] as const;
  const rng = new Rng(5);
  const img = Float32Array.from({ length: gt.length * 64 * 64 * 3 }, () => rng.normal());
  const meta = {
    img_shape: [64, 60, 3],
    pad_shape: [64, 64, 3],
    ori_shape: [128, 120, 3],
    scale_factor: 0.5,
  };
  return {
    img,
    shape,
    gtBboxes: gt.map((boxes) => Float32Array.from(boxes.flat())),
    gtLabels: gt.map((boxes) => Int32Array.from(boxes, () => 1)),
    imgMetas: gt.map(() => meta),
  };
}

describe('RetinaNet', () => {
  beforeAll(async () => {
    await testAdapter();
  });
  afterAll(() => disposeEngine());

  test('a training step gives finite losses and a gradient of every trainable parameter, and leaks nothing', async () => {
    const model = build(tinyCfg());
    await model.initWeights(new Rng(1));
    const step = async (): Promise<number[]> => {
      const { logVars, grads, numSamples } = model.train().trainStep(batch([[[8, 8, 40, 40]], []]));
      expect(logVars.names).toEqual(['loss_cls', 'loss_bbox', 'loss']);
      expect(numSamples).toBe(2);
      expect(grads?.size).toBe(model.parameters().length);
      const values = [...(await read(logVars.values))];
      dispose([logVars.values, ...(grads?.values() ?? [])]);
      return values;
    };
    const [cls, bbox, total] = take(await step(), 3);
    expect(cls).toBeGreaterThan(0);
    expect(bbox).toBeGreaterThan(0);
    expect(total).toBeCloseTo(cls + bbox, 5);
    const before = memory().numTensors;
    await step();
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test.each([true, false])('scores by cross entropy train, use_sigmoid=%s', async (useSigmoid) => {
    const model = build(tinyCfg({ loss_cls: { type: 'CrossEntropyLoss', use_sigmoid: useSigmoid } }));
    await model.initWeights(new Rng(1));
    const { logVars, grads } = model.train().trainStep(batch([[[8, 8, 40, 40]], []]));
    const [cls] = await read(logVars.values);
    // A head that says no class of all anchors but for a few, or all of its scores alike.
    expect(cls).toBeGreaterThan(0);
    expect(cls).toBeLessThan(1e3);
    expect(grads?.size).toBe(model.parameters().length);
    dispose([logVars.values, ...(grads?.values() ?? [])]);
    const [result] = take(await model.eval().simpleTest(batch([[]]), { rescale: false }), 1);
    expect(result.length).toBe(2);
    model.dispose();
  });

  test('compiled and eager steps give the same bits: losses, gradients, running statistics', async () => {
    const rows: number[][][] = [];
    const reasons: string[] = [];
    for (const eager of [true, false]) {
      const model = build(tinyCfg());
      await model.initWeights(new Rng(3));
      model.setStepMode({ eager, onFallback: (step, reason) => reasons.push(`${step}: ${reason}`) });
      const bits: number[][] = [];
      const boxes = [[[8, 8, 40, 40]], [[10, 4, 30, 60]], [[0, 0, 20, 24]]];
      for (const epoch of [0, 1]) {
        model.train();
        for (const box of boxes) {
          const { grads, logVars } = model.trainStep(batch([box, [[4 + epoch, 4, 28, 28]]]));
          for (const t of [logVars.values, ...(grads?.values() ?? [])]) {
            bits.push([...new Uint32Array((await read(t)).buffer)]);
            dispose(t);
          }
        }
        const val = model.valStep(batch([[[8, 8, 40, 40]]]));
        bits.push([...(await read(val.logVars.values))]);
        dispose(val.logVars.values);
      }
      for (const [, buffer] of model.namedBuffers())
        bits.push('value' in buffer ? [buffer.value] : [...(await buffer.toTorch())]);
      rows.push(bits);
      model.dispose();
    }
    expect(reasons).toEqual([]);
    expect(rows[1]).toEqual(rows[0]);
  });

  test('a batch that no buffer can hold is refused before anything runs, with a size that fits', async () => {
    const model = build(tinyCfg()).train();
    const ofSize = (count: number, size: number): TrainBatch => ({
      ...batch(Array.from({ length: count }, () => [[8, 8, 40, 40]])),
      shape: [count, size, size, 3],
    });
    const error: unknown = await model.prepareStep(ofSize(64, 4096)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'out-of-memory', path: 'data.samples_per_gpu' });
    expect(String(error)).toMatch(
      /a step on 64 pictures of 4096 x 4096 px makes a tensor of .* GB, but one buffer/,
    );
    const [, size] = /pictures of (\d+) x \d+ px at this batch/.exec((error as DeviceError).hint ?? '') ?? [];
    // Planned, not run: all together may still be more than this machine has.
    const end = failBuffers(1);
    const next: unknown = await model.prepareStep(ofSize(64, Number(size))).catch((e: unknown) => e);
    end();
    expect(String(next)).toMatch(/ MB of the GPU for activations and inputs, but it has 0 B left/);
    model.dispose();
  });

  test('an evaluation that the device can not hold is refused in the same words', async () => {
    const model = build(tinyCfg()).eval();
    const huge = { ...batch([[]]), shape: [1, 32_768, 32_768, 3] as const };
    await expect(model.simpleTest(huge, { rescale: true })).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining('a forward pass on 1 picture of 32768 x 32768 px makes a tensor of'),
      hint: expect.stringMatching(/^pictures of \d+ x \d+ px at this batch need about/),
    });
    model.dispose();
  });

  test('pictures without objects train: no box loss', async () => {
    const model = build(tinyCfg());
    await model.initWeights(new Rng(1));
    const { logVars } = model.valStep(batch([[], []]));
    const [cls, bbox] = await read(logVars.values);
    expect(cls).toBeGreaterThan(0);
    expect(bbox).toBe(0);
    dispose(logVars.values);
    model.dispose();
  });

  test('a head that starts at 1 % for each class has focal loss near its closed form', async () => {
    const model = build(tinyCfg());
    await model.initWeights(new Rng(1));
    const { logVars } = model.eval().valStep(batch([[]]));
    const [cls] = take(await read(logVars.values), 1);
    // 84 cells, 1 anchor, 2 classes, all background: 0.75 * 0.01^2 * -log(0.99) each, averaged over max(0, 1).
    const closed = (64 + 16 + 4) * 2 * 0.75 * 1e-4 * -Math.log(0.99);
    expect(cls / closed).toBeGreaterThan(0.8);
    expect(cls / closed).toBeLessThan(1.25);
    dispose(logVars.values);
    model.dispose();
  });

  test('GIoU on decoded boxes trains too', async () => {
    const model = build(tinyCfg({ reg_decoded_bbox: true, loss_bbox: { type: 'GIoULoss' } }));
    await model.initWeights(new Rng(1));
    const { logVars, grads } = model.trainStep(batch([[[8, 8, 40, 40]]]));
    const [, bbox] = await read(logVars.values);
    expect(bbox).toBeGreaterThan(0);
    expect(bbox).toBeLessThan(10);
    dispose([logVars.values, ...(grads?.values() ?? [])]);
    model.dispose();
  });

  test('simpleTest: per class rows inside the picture, scaled back, at most max_per_img', async () => {
    const model = build(tinyCfg());
    await model.initWeights(new Rng(1));
    const results = await model.eval().simpleTest(batch([[], []]), { rescale: true });
    expect(results.length).toBe(2);
    expect(at(results, 0).length).toBe(2);
    expect(at(results, 0).reduce((n, rows) => n + rows.length / 5, 0)).toBe(5);
    for (const rows of at(results, 0))
      for (let i = 0; i < rows.length; i += 5) expect(rows[i + 2]).toBeLessThanOrEqual(120);
    model.dispose();
  });
});

describe('ResNet', () => {
  test('what a hook thaws has gradients from then on', async () => {
    await testAdapter();
    const model = build(tinyCfg({}, { frozen_stages: 2, norm_eval: true })).train();
    await model.initWeights(new Rng(1));
    const trained = (): string[] => {
      const { logVars, grads } = model.trainStep(batch([[[8, 8, 40, 40]], []]));
      const names = model.namedParameters().flatMap(([name, p]) => (grads?.has(p) ? [name] : []));
      dispose([logVars.values, ...(grads?.values() ?? [])]);
      return names.filter((name) => /^backbone\.(layer[12]\.\d\.)?conv1\.weight$/.test(name));
    };
    expect(trained()).toEqual([]);
    const modules = new Map(model.namedModules());
    modules.get('backbone.layer1')?.requiresGrad(true);
    expect(trained()).toEqual(['backbone.layer1.0.conv1.weight', 'backbone.layer1.1.conv1.weight']);
    modules.get('backbone.conv1')?.requiresGrad(true);
    expect(trained()).toEqual([
      'backbone.conv1.weight',
      'backbone.layer1.0.conv1.weight',
      'backbone.layer1.1.conv1.weight',
    ]);
    model.dispose();
    disposeEngine();
  });

  test('frozen_stages and norm_eval hold through train()', () => {
    const model = build(tinyCfg({}, { frozen_stages: 1, norm_eval: true })).train();
    const frozen = model
      .namedParameters()
      .filter(([, p]) => !p.requiresGrad)
      .map(([name]) => name);
    expect(frozen.every((name) => /^backbone\.(conv1|bn1|layer1)\./.test(name))).toBe(true);
    expect(frozen.length).toBe(3 + 12);
    const training = (name: string): boolean | undefined => new Map(model.namedModules()).get(name)?.training;
    expect([
      training('backbone.layer1'),
      training('backbone.layer2.0'),
      training('backbone.layer2.0.bn1'),
    ]).toEqual([false, true, false]);
  });

  test('the last norm of each block starts at 0', async () => {
    const model = build(tinyCfg());
    await model.initWeights(new Rng(1));
    const state = await model.stateDict();
    expect(Number(state.get('backbone.layer1.0.bn2.weight')?.data[0])).toBe(0);
    expect(Number(state.get('backbone.layer1.0.bn1.weight')?.data[0])).toBe(1);
    expect(Number(state.get('bbox_head.retina_cls.bias')?.data[0])).toBeCloseTo(-4.59512, 5);
    expect(Number(state.get('neck.lateral_convs.0.conv.bias')?.data[0])).toBe(0);
  });

  test.each([
    [{ depth: 20 }, 'depth must be 18, 34, 50, 101 or 152, but got 20'],
    [{ depth: 18, strides: [1, 2] }, 'strides and dilations must have num_stages=4 entries'],
    [{ depth: 18, out_indices: [4] }, 'ResNet: out_indices must be below'],
    [{ depth: 18, dcn: { type: 'DCN' } }, "dcn={'type': 'DCN'} is not supported"],
    [{ depth: 18, frozen_stages: 7 }, 'frozen_stages must be -1 to num_stages=4'],
  ])('refuses %j', (args, message) => {
    expect(() => build({ type: 'ResNet', ...args })).toThrow(message);
  });
});

describe('FPN', () => {
  const base = { in_channels: [4, 8, 16], out_channels: 4 };
  test.each([
    [{ ...base, num_outs: 3 }, 3],
    [{ ...base, num_outs: 5, add_extra_convs: true }, 5],
    [{ ...base, num_outs: 5, add_extra_convs: 'on_output' }, 5],
    // Pooled levels have no convolution.
    [{ ...base, num_outs: 5 }, 3],
    [{ ...base, num_outs: 2, start_level: 0, end_level: 1 }, 2],
  ])('%j has %d output convolutions', (args, count) => {
    const names = build({ type: 'FPN', ...args })
      .namedModules()
      .map(([name]) => name);
    expect(names.filter((name) => /^fpn_convs\.\d+$/.test(name)).length).toBe(count);
  });

  test.each([
    [{ ...base, num_outs: 2 }, 'num_outs must be at least 3'],
    [{ ...base, num_outs: 4, end_level: 1 }, 'num_outs must be 2'],
    [
      { ...base, num_outs: 3, add_extra_convs: 'on_top' },
      "'on_input', 'on_lateral' or 'on_output', but got 'on_top'",
    ],
    [{ ...base, num_outs: 3, upsample_cfg: { mode: 'bicubic' } }, "mode must be 'nearest' or 'bilinear'"],
  ])('refuses %j', (args, message) => {
    expect(() => build({ type: 'FPN', ...args })).toThrow(message);
  });
});

test('with focal loss a sampler in train_cfg is not used, as in MMDetection', () => {
  const cfg = tinyCfg();
  cfg.train_cfg = { ...(cfg.train_cfg as object), sampler: { type: 'RandomSampler', num: 256 } };
  expect(build(cfg).bboxHead.numClasses).toBe(2);
});

test('parts that do not fit together are told by their config keys, not by a failing convolution', async () => {
  await testAdapter();
  const step = (cfg: Record<string, unknown>): unknown =>
    build(cfg)
      .train()
      .trainStep(batch([[[8, 8, 40, 40]]]));
  const cfg = tinyCfg();
  expect(() => step({ ...cfg, neck: { ...(cfg.neck as object), in_channels: [4, 8, 16, 33] } })).toThrow(
    'neck.in_channels[3] must be the channels that come in, 32, but it is 33',
  );
  expect(() => step(tinyCfg({ in_channels: 9 }))).toThrow('bbox_head.in_channels must be');
  expect(() => step(tinyCfg({}, { in_channels: 1 }))).toThrow('backbone.in_channels must be');
  expect(() => step({ ...cfg, train_cfg: null })).toThrow('model.train_cfg must say');
  disposeEngine();
});

test('a test_cfg that could only fail after the first epoch fails at once', () => {
  const withNms = (nms: object): Record<string, unknown> => {
    const cfg = tinyCfg();
    return { ...cfg, test_cfg: { ...(cfg.test_cfg as object), nms } };
  };
  expect(() => build(withNms({ type: 'soft_nms' }))).toThrow("test_cfg.nms.type must be 'nms'");
  expect(() => build(withNms({ type: 'nms' }))).toThrow('test_cfg.nms must have iou_threshold');
});

test('errors of parts say where in the config they are', () => {
  const cfg = tinyCfg({ loss_bbox: { type: 'SmoothL1Loss', beta: 0 } });
  expect(() => build(cfg)).toThrow(expect.objectContaining({ path: 'model.bbox_head.loss_bbox.beta' }));
  expect(() => build(tinyCfg({ anchors: 1 }))).toThrow("RetinaHead got an unexpected argument 'anchors'");
});
