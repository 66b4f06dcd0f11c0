// `model_parity/state_dicts.json`: names, shapes, dtypes and order of every tensor of a detector.

import type { SingleStageDetector } from '../../src/models/index.ts';
import { runCases } from './compare.ts';
import { buildDetector } from './modelCase.ts';
import { failed, notBuilt, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** [name, shape, dtype, requires_grad (null for buffers)] */
type Row = readonly [string, readonly number[], string, boolean | null];

interface StateDictCase {
  readonly id: string;
  readonly config: string;
  readonly number_of_parameters: number;
  readonly trainable: number;
  readonly state_dict: readonly Row[];
}

/** MMDetection's models of these folders in our words; the fixture names the config only. */
const HEADS: Readonly<
  Record<string, { readonly type: string; readonly head: string; readonly extra: string }>
> = {
  retinanet: { type: 'RetinaNet', head: 'RetinaHead', extra: 'on_input' },
  atss: { type: 'ATSS', head: 'ATSSHead', extra: 'on_output' },
  gfl: { type: 'GFL', head: 'GFLHead', extra: 'on_output' },
};

const ANCHOR_PER_CELL = {
  type: 'AnchorGenerator',
  ratios: [1],
  octave_base_scale: 8,
  scales_per_octave: 1,
  strides: [8, 16, 32, 64, 128],
};

const BOTTLENECK_CHANNELS = [256, 512, 1024, 2048];
const BASIC_CHANNELS = [64, 128, 256, 512];

/** @param config as the fixture names it: `retinanet/retinanet_r50_fpn_1x_coco.py` */
function modelOf(config: string): unknown {
  const [, folder = '', digits] = /^(\w+)\/\w+_r(\d+)_fpn_\w+\.py$/.exec(config) ?? [];
  const parts = HEADS[folder];
  if (!parts) return undefined;
  const depth = Number(digits);
  return {
    type: parts.type,
    backbone: {
      type: 'ResNet',
      depth,
      num_stages: 4,
      out_indices: [0, 1, 2, 3],
      frozen_stages: 1,
      norm_cfg: { type: 'BN', requires_grad: true },
      norm_eval: true,
      style: 'pytorch',
    },
    neck: {
      type: 'FPN',
      in_channels: depth < 50 ? BASIC_CHANNELS : BOTTLENECK_CHANNELS,
      out_channels: 256,
      start_level: 1,
      add_extra_convs: parts.extra,
      num_outs: 5,
    },
    bbox_head: {
      type: parts.head,
      num_classes: 80,
      in_channels: 256,
      stacked_convs: 4,
      feat_channels: 256,
      ...(folder === 'retinanet' ? {} : { anchor_generator: ANCHOR_PER_CELL }),
    },
  };
}

async function runStateDict(one: StateDictCase): Promise<ParityOutcome> {
  const cfg = modelOf(one.config);
  // MMDetection's configs of one detector share a folder.
  if (cfg === undefined) return notBuilt(one.config.split('/').at(0) ?? one.config);
  const model = buildDetector(cfg);
  const complaint = diffRows(await rowsOf(model), one.state_dict) ?? diffCounts(model, one);
  return complaint === null ? passed : failed(complaint);
}

async function rowsOf(model: SingleStageDetector): Promise<Row[]> {
  const parameters = new Map(model.namedParameters());
  return [...(await model.stateDict())].map(([name, { shape, dtype }]) => [
    name,
    shape,
    dtype,
    parameters.get(name)?.requiresGrad ?? null,
  ]);
}

function diffRows(got: readonly Row[], wanted: readonly Row[]): string | null {
  for (let i = 0; i < Math.max(got.length, wanted.length); i++) {
    const [a, b] = [JSON.stringify(got[i]), JSON.stringify(wanted[i])];
    if (a !== b) return `entry ${i}: got ${a}, wanted ${b}`;
  }
  return null;
}

function diffCounts(model: SingleStageDetector, one: StateDictCase): string | null {
  const parameters = model.parameters();
  const count = (list: typeof parameters): number => list.reduce((sum, { size }) => sum + size, 0);
  const all = count(parameters);
  const trainable = count(parameters.filter((p) => p.requiresGrad));
  if (all === one.number_of_parameters && trainable === one.trainable) return null;
  return `${all} parameters (${trainable} trainable), wanted ${one.number_of_parameters} (${one.trainable})`;
}

/** Needs no GPU: values stay on the CPU until used. */
export const suite: ParitySuite = {
  files: ['state_dicts.json'],
  run: (fixture, file) =>
    runCases(fixture, file, (one: FixtureCase) => runStateDict(one as unknown as StateDictCase)),
};
