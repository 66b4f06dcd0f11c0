// Backbones and necks against MMDetection's by themselves, whatever heads there are: names, order, shapes, what trains, and
// what comes out in eval mode.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dispose, disposeEngine, read, tensor, tidy, type Tensor } from '../src/gpu/index.ts';
import { testAdapter } from '../src/gpu/testing/adapter.ts';
import { loadModels } from '../src/models/catalog.ts';
import type { Backbone, Neck } from '../src/models/index.ts';
import { Module } from '../src/nn/index.ts';
import { take } from '../src/util/at.ts';
import { sharedDir } from '../src/util/testing/sharedDir.ts';
import { decodeValue } from './suites/compare.ts';
import { diffStats, modelContext, setFormulaWeights, toNchw, type TensorStats } from './suites/modelCase.ts';
import { formulaInput } from './suites/weightFormula.ts';

interface PartCase {
  readonly id: string;
  readonly input: { readonly shape: readonly number[]; readonly name: string };
  readonly model_cfg: Readonly<Record<string, unknown>>;
  readonly grad_norms: Readonly<Record<string, number | null>>;
  readonly backbone_out?: readonly TensorStats[];
  readonly neck_out?: readonly TensorStats[];
}

/** [name, shape, dtype, requires_grad (null for buffers)] */
type Row = readonly [string, readonly number[], string, boolean | null];

function casesOf<T>(path: string): T[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: T[] }).cases;
}

class Parts extends Module {
  readonly backbone: Backbone;
  readonly neck: Neck;

  constructor(backbone: unknown, neck: unknown) {
    super();
    const context = modelContext();
    this.backbone = this.addModule('backbone', context.build<Backbone>('MODELS', decodeValue(backbone), 'b'));
    this.neck = this.addModule('neck', context.build<Neck>('MODELS', decodeValue(neck), 'n'));
  }
}

const isPart = (name: string): boolean => /^(backbone|neck)\./.test(name);
const typeOf = (cfg: unknown): string => String((cfg as { type: unknown }).type);

async function buildParts(backbone: unknown, neck: unknown): Promise<Parts> {
  await loadModels([typeOf(backbone), typeOf(neck)]);
  return new Parts(backbone, neck);
}

/** The fixture's header: YOLOX's pictures have values from 0 to 255, 127.5 (u + 1) instead of 2 u. */
function inputOf({ input, model_cfg: cfg }: PartCase): Float32Array {
  const values = formulaInput(input.name, input.shape);
  return cfg.type === 'YOLOX' ? values.map((v) => 127.5 * (v / 2 + 1)) : values;
}

const STAGES = { num_stages: 4, out_indices: [0, 1, 2, 3] };
const RESNET50 = {
  type: 'ResNet',
  depth: 50,
  ...STAGES,
  frozen_stages: 1,
  norm_cfg: { type: 'BN', requires_grad: true },
  norm_eval: true,
  style: 'pytorch',
};
const FPN = {
  type: 'FPN',
  in_channels: [256, 512, 1024, 2048],
  out_channels: 256,
  start_level: 1,
  num_outs: 5,
};
const FPN_ON_OUTPUT = { ...FPN, add_extra_convs: 'on_output' };

/** MMDetection's parts in our words; the fixture names the config only. */
const PARTS: Readonly<Record<string, readonly [unknown, unknown]>> = {
  retinanet_r50: [RESNET50, { ...FPN, add_extra_convs: 'on_input' }],
  atss_r50: [RESNET50, FPN_ON_OUTPUT],
  gfl_r50: [RESNET50, FPN_ON_OUTPUT],
  yolox_nano: [
    { type: 'CSPDarknet', deepen_factor: 0.33, widen_factor: 0.25, use_depthwise: true },
    {
      type: 'YOLOXPAFPN',
      in_channels: [64, 128, 256],
      out_channels: 64,
      num_csp_blocks: 1,
      use_depthwise: true,
    },
  ],
  ssd300: [
    {
      ...{ type: 'SSDVGG', depth: 16, with_last_pool: false, ceil_mode: true },
      ...{ out_indices: [3, 4], out_feature_indices: [22, 34] },
    },
    {
      type: 'SSDNeck',
      in_channels: [512, 1024],
      out_channels: [512, 1024, 512, 256, 256, 256],
      level_strides: [2, 2, 1, 1],
      level_paddings: [1, 1, 0, 0],
      l2_norm_scale: 20,
    },
  ],
};

const FIXTURES = new URL('./fixtures/model_parity/', import.meta.url).pathname;

describe('state_dicts.json', () => {
  test.each(casesOf<{ id: string; state_dict: readonly Row[] }>(`${FIXTURES}state_dicts.json`))(
    '$id: backbone and neck have its names, shapes, order and frozen parts',
    async ({ id, state_dict: rows }) => {
      const [backbone, neck] = PARTS[id] ?? [];
      const parts = await buildParts(backbone, neck);
      const parameters = new Map(parts.namedParameters());
      const got = [...(await parts.stateDict())].map(([name, { shape, dtype }]): Row => {
        return [name, shape, dtype, parameters.get(name)?.requiresGrad ?? null];
      });
      expect(got).toEqual(rows.filter(([name]) => isPart(name)));
    },
  );
});

/** What MMDetection's configs have and nobody has built here. */
const MISSING = ['EfficientNet', 'SwinTransformer'];

interface RealConfig {
  readonly id: string;
  readonly kind: string;
  readonly out: unknown;
}

describe.skipIf(!sharedDir)("MMDetection's configs", () => {
  const cases = sharedDir ? casesOf<RealConfig>(`${sharedDir}fixtures/config.json`) : [];
  const parts = cases
    .filter(({ kind }) => kind === 'real_mmdet_config')
    .flatMap(({ id, out }): [string, string, unknown][] => {
      const { model = {} } = decodeValue(out) as { model?: Record<string, unknown> };
      const both = [model.backbone, model.neck].flat();
      return both.flatMap((part): [string, string, unknown][] => (part ? [[id, typeOf(part), part]] : []));
    });

  test('there are some, and what they miss is known', () => {
    expect(parts.length).toBeGreaterThan(40);
    const types = parts.map(([, type]) => type);
    expect(MISSING.filter((type) => types.includes(type))).toEqual(MISSING);
  });

  test.each(parts.filter(([, type]) => !MISSING.includes(type)))('%s: %s builds', async (_, type, part) => {
    await loadModels([type]);
    const built = modelContext().build<Module>('MODELS', part, 'part');
    expect(built.className).toBe(type);
  });
});

const files = [
  `${FIXTURES}models.json`,
  ...(sharedDir ? [`${sharedDir}fixtures/model_parity/models2.json`] : []),
];

describe('what comes out in eval mode', () => {
  beforeAll(testAdapter);
  afterAll(() => {
    disposeEngine();
  });

  const seen = new Set<string>();
  const cases = files
    .flatMap((file) => casesOf<PartCase>(file))
    .filter(({ model_cfg: cfg, input, backbone_out: out }) => {
      const key = JSON.stringify([cfg.backbone, cfg.neck, input, out === undefined]);
      return !seen.has(key) && seen.add(key);
    });

  test.each(cases)('$id', async (one) => {
    const { backbone, neck } = one.model_cfg;
    const parts = await buildParts(backbone, neck);
    setFormulaWeights(parts);
    parts.eval();
    const wanted = Object.keys(one.grad_norms).filter(isPart);
    expect(parts.namedParameters().map(([name]) => name)).toEqual(wanted);
    const [b, c, h, w] = take(one.input.shape, 4);
    const stages: [string, Tensor[], readonly TensorStats[]][] = [];
    const owned = tidy(() => {
      const x = tensor(inputOf(one), [b, h, w, c]);
      const features = parts.backbone.forward(x);
      const levels = parts.neck.forward(features);
      if (one.backbone_out) stages.push(['backbone', features, one.backbone_out]);
      if (one.neck_out) stages.push(['neck', levels, one.neck_out]);
      return [...features, ...levels];
    });
    for (const [stage, tensors, stats] of stages) {
      expect(tensors).toHaveLength(stats.length);
      for (const [i, level] of tensors.entries()) {
        const [n, rows, columns, channels] = take(level.shape, 4);
        const shape = [n, channels, rows, columns];
        const values = toNchw(Float32Array.from(await read(level)), [n, rows, columns, channels]);
        const one = stats[i];
        expect(one && diffStats(`${stage}[${i}]`, values, shape, one, 1e-4)).toBeNull();
      }
    }
    dispose(owned);
    parts.dispose();
  });
});
