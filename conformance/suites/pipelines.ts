// model_parity/pipelines.json: transforms on tiny pictures against MMDetection with OpenCV.

import {
  buildTransforms,
  runTransforms,
  type ImageArray,
  type Results,
} from '../../src/datasets/pipelines/index.ts';
import { toErrorReport } from '../../src/errors/trainerError.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { Rng } from '../../src/util/prng.ts';
import { Tuple } from '../../src/util/tuple.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

interface EncodedImage {
  readonly shape: readonly [number, number, number];
  readonly dtype?: 'uint8' | 'float32';
  readonly data: readonly number[];
}

interface PipelineCase extends FixtureCase {
  readonly steps: readonly unknown[];
  readonly input_hwc_bgr: EncodedImage;
  readonly gt_bboxes_in: readonly (readonly number[])[];
  readonly out: {
    readonly img: EncodedImage;
    readonly gt_bboxes: readonly (readonly number[])[];
    readonly keys: Readonly<Record<string, unknown>>;
  };
}

/** Written to five or six decimals in the fixture; uint8 pictures must be equal. */
const FLOAT_TOLERANCE = 1e-5;

export const suite: ParitySuite = {
  files: ['pipelines.json'],
  async run(fixture, file) {
    const results = [];
    for (const item of fixture.cases) {
      results.push({ file, id: item.id, outcome: await runCase(item as PipelineCase) });
    }
    return results;
  },
};

async function runCase(item: PipelineCase): Promise<ParityOutcome> {
  try {
    const input = inputOf(item);
    const steps = buildTransforms(item.steps.map(decodeValue), context(), 'pipeline');
    const out = await runTransforms(steps, input, new Rng(0));
    if (!out?.img || !out.gt_bboxes) return failed('the pipeline dropped the sample');
    const found = [
      ...compareImages(out.img, item.out.img),
      ...compareNumbers('gt_bboxes', [...out.gt_bboxes], item.out.gt_bboxes.flat()),
      ...Object.entries(item.out.keys).flatMap(([key, value]) => compareKey(out, key, decodeValue(value))),
    ];
    return found.length === 0 ? passed : failed(found.join('; '));
  } catch (error) {
    return failed(toErrorReport(error).message);
  }
}

function inputOf({ id, input_hwc_bgr, gt_bboxes_in }: PipelineCase): Results {
  const { shape, data } = input_hwc_bgr;
  const [height, width] = shape;
  return {
    img_info: { id, filename: id, width, height },
    img_prefix: '',
    index: 0,
    img_fields: ['img'],
    bbox_fields: ['gt_bboxes'],
    img: { data: Uint8Array.from(data), shape },
    img_shape: shape,
    ori_shape: shape,
    gt_bboxes: Float32Array.from(gt_bboxes_in.flat()),
  };
}

function compareImages(actual: ImageArray, expected: EncodedImage): string[] {
  const dtype = actual.data instanceof Uint8Array ? 'uint8' : 'float32';
  if (dtype !== expected.dtype) return [`img must be ${expected.dtype}, but is ${dtype}`];
  if (actual.shape.join() !== expected.shape.join()) {
    return [`img must be ${expected.shape.join('x')}, but is ${actual.shape.join('x')}`];
  }
  return compareNumbers('img', [...actual.data], expected.data, dtype === 'uint8' ? 0 : FLOAT_TOLERANCE);
}

function compareNumbers(
  what: string,
  actual: readonly number[],
  expected: readonly number[],
  tolerance = FLOAT_TOLERANCE,
): string[] {
  if (actual.length !== expected.length)
    return [`${what} has ${actual.length} values, not ${expected.length}`];
  const isWrong = (v: number, i: number): boolean =>
    !(Math.abs(v - (expected[i] ?? NaN)) <= tolerance * Math.max(1, Math.abs(expected[i] ?? NaN)));
  const wrong = actual.filter(isWrong).length;
  if (wrong === 0) return [];
  const first = actual.findIndex(isWrong);
  return [
    `${what}: ${wrong} of ${actual.length} values differ, the first at ${first}: ${actual[first]}, not ${expected[first]}`,
  ];
}

function compareKey(out: Results, key: string, expected: unknown): string[] {
  const actual = out[key];
  if (Array.isArray(expected) && Array.isArray(actual) && expected.every((v) => typeof v === 'number')) {
    return compareNumbers(key, actual as number[], expected as number[]);
  }
  if (JSON.stringify(actual) === JSON.stringify(expected)) return [];
  return [`${key} must be ${JSON.stringify(expected)}, but is ${JSON.stringify(actual)}`];
}

/** Undo the fixtures' encoding of tuples and non-finite numbers. */
function decodeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (value === null || typeof value !== 'object') return value;
  if ('__tuple__' in value && Array.isArray(value.__tuple__))
    return Tuple.of(...value.__tuple__.map(decodeValue));
  if ('__float__' in value) return Number(value.__float__);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decodeValue(v)]));
}

function context(): BuildContext {
  const unused = (): never => {
    throw new Error('internal: pipelines.json reads no files');
  };
  const services = { fs: createMemoryFs(), decodeImage: unused, seed: 0, warn: () => undefined };
  return new BuildContext(createRunRegistries(), services);
}
