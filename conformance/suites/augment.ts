// model_parity/augment.json: MMDetection's random transforms on tiny pictures, with the random numbers that it drew.

import { buildTransforms, runTransforms, type Results } from '../../src/datasets/pipelines/index.ts';
import { toErrorReport } from '../../src/errors/trainerError.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { Rng } from '../../src/util/prng.ts';
import { decodeValue } from './compare.ts';
import { uniformOf } from './weightFormula.ts';
import { failed, notBuilt, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

interface Picture {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly gt_bboxes: readonly (readonly number[])[];
  readonly gt_labels: readonly number[];
  readonly gt_bboxes_ignore: readonly (readonly number[])[];
}

/** A random number of NumPy's: which function drew it, and what came. */
interface Draw {
  readonly fn: string;
  readonly args?: readonly number[];
  /** Of a choice: how probable each is. */
  readonly p?: readonly number[] | null;
  readonly value: number | readonly number[];
}

interface AugmentCase extends FixtureCase {
  readonly steps: readonly { readonly type: string }[];
  readonly input: string;
  readonly mix: readonly unknown[];
  readonly float_input: boolean;
  readonly draws: readonly Draw[];
  readonly out: {
    readonly img: {
      readonly shape: readonly number[];
      readonly dtype: string;
      readonly data: readonly number[];
    };
    readonly gt_bboxes: readonly (readonly number[])[];
    readonly gt_labels: readonly number[];
    readonly gt_bboxes_ignore: readonly (readonly number[])[];
    readonly keys: Readonly<Record<string, unknown>>;
  } | null;
}

const BYTE_TOLERANCE = 1;
const FLOAT_TOLERANCE = 1e-3;
const BOX_TOLERANCE = 1e-4;

/** Gives the numbers that were drawn. */
class Replay extends Rng {
  readonly #draws: Draw[];

  constructor(draws: readonly Draw[]) {
    super(0);
    this.#draws = [...draws];
  }

  get left(): number {
    return this.#draws.length;
  }

  override uniform(): number {
    const { fn, args = [], p, value } = this.#next();
    if (typeof value !== 'number') throw new Error(`${fn} was drawn, not uniform`);
    if (p) return p.slice(0, value).reduce((sum, share) => sum + share, (p[value] ?? 0) / 2);
    const [low = 0, high = 1] = args;
    return fn === 'uniform' ? (value - low) / (high - low) : value;
  }

  override integer(): number {
    const { fn, args = [], value } = this.#next();
    if (typeof value !== 'number') throw new Error(`${fn} was drawn, not an integer`);
    return fn === 'randint' && args.length > 1 ? value - (args[0] ?? 0) : value;
  }

  override permutation(): Int32Array {
    const { fn, value } = this.#next();
    if (typeof value === 'number') throw new Error(`${fn} was drawn, not permutation`);
    return Int32Array.from(value);
  }

  #next(): Draw {
    const draw = this.#draws.shift();
    if (!draw) throw new Error('more was drawn than MMDetection drew');
    return draw;
  }
}

export const suite: ParitySuite = {
  files: ['augment.json'],
  async run(fixture, file) {
    const { pictures } = fixture as unknown as { readonly pictures: Readonly<Record<string, Picture>> };
    const results = [];
    for (const one of fixture.cases) {
      const item = one as AugmentCase;
      const picture = pictures[item.input];
      const outcome = picture ? await runCase(item, picture) : failed(`there is no picture ${item.input}`);
      results.push({ file, id: item.id, outcome });
    }
    return results;
  },
};

async function runCase(item: AugmentCase, picture: Picture): Promise<ParityOutcome> {
  const registries = createRunRegistries();
  const missing = item.steps.find(({ type }) => !registries.PIPELINES.has(type));
  if (missing) return notBuilt(missing.type);
  const refuse = (): never => {
    throw new Error('augment.json reads no files');
  };
  const services = { fs: createMemoryFs(), decodeImage: refuse, seed: 0, warn: () => undefined };
  try {
    const steps = buildTransforms(
      item.steps.map((step) => decodeValue(step)),
      new BuildContext(registries, services),
      'pipeline',
    );
    const replay = new Replay(item.draws);
    const out = await runTransforms(steps, inputOf(picture, item.float_input), replay);
    const wrong = compare(out, item) ?? (replay.left > 0 ? `${replay.left} numbers were not drawn` : null);
    return wrong === null ? passed : failed(wrong);
  } catch (error) {
    const { code, message } = toErrorReport(error);
    return code === 'unsupported' ? notBuilt(item.id.replace(/\/.*/, '')) : failed(message);
  }
}

function compare(out: Results | null, { out: wanted }: AugmentCase): string | null {
  if (!wanted) return out ? 'the sample must be dropped' : null;
  if (!out?.img) return 'the sample was dropped';
  const { data, shape } = out.img;
  if (shape.join() !== wanted.img.shape.join())
    return `img is ${shape.join('x')}, wanted ${wanted.img.shape.join('x')}`;
  const dtype = data instanceof Uint8Array ? 'uint8' : 'float32';
  if (dtype !== wanted.img.dtype) return `img is ${dtype}, wanted ${wanted.img.dtype}`;
  return (
    differ('img', data, wanted.img.data, dtype === 'uint8' ? BYTE_TOLERANCE : FLOAT_TOLERANCE) ??
    differ('gt_bboxes', out.gt_bboxes ?? [], wanted.gt_bboxes.flat(), BOX_TOLERANCE) ??
    differ('gt_labels', out.gt_labels ?? [], wanted.gt_labels, 0) ??
    differ('gt_bboxes_ignore', out.gt_bboxes_ignore ?? [], wanted.gt_bboxes_ignore.flat(), BOX_TOLERANCE) ??
    differKeys(out, wanted.keys)
  );
}

function differ(
  what: string,
  got: ArrayLike<number>,
  wanted: readonly number[],
  tolerance: number,
): string | null {
  if (got.length !== wanted.length) return `${what} has ${got.length} values, wanted ${wanted.length}`;
  for (const [i, value] of wanted.entries()) {
    const error = Math.abs((got[i] ?? NaN) - value);
    if (!(error <= tolerance * Math.max(1, tolerance < 1 ? Math.abs(value) : 1)))
      return `${what}[${i}] is ${got[i]}, wanted ${value}`;
  }
  return null;
}

function differKeys(out: Results, keys: Readonly<Record<string, unknown>>): string | null {
  for (const [key, encoded] of Object.entries(keys)) {
    const [got, wanted] = [out[key], decodeValue(encoded)];
    if (JSON.stringify(got) !== JSON.stringify(wanted))
      return `${key} is ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`;
  }
  return null;
}

function inputOf(picture: Picture, isFloat: boolean): Results {
  const { name, height, width } = picture;
  const shape = [height, width, 3] as const;
  const u = uniformOf(name);
  const bytes = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    const base =
      [(200 * x) / (width - 1), (180 * y) / (height - 1), (160 * (x + y)) / (height + width)][i % 3] ?? 0;
    return Math.floor(Math.min(Math.max(base + 56 * ((u(i) + 1) / 2), 0), 255));
  });
  return {
    img_info: { id: name, filename: name, width, height },
    img_prefix: '',
    index: 0,
    img_fields: ['img'],
    bbox_fields: ['gt_bboxes', 'gt_bboxes_ignore'],
    img: { data: isFloat ? Float32Array.from(bytes) : bytes, shape },
    img_shape: shape,
    ori_shape: shape,
    gt_bboxes: Float32Array.from(picture.gt_bboxes.flat()),
    gt_labels: Int32Array.from(picture.gt_labels),
    gt_bboxes_ignore: Float32Array.from(picture.gt_bboxes_ignore.flat()),
  };
}
