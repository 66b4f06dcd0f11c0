// Building detectors of fixture cases, and comparing tensors by their statistics.

import { runElementwise, dispose, tensor, type Tensor } from '../../src/gpu/index.ts';
import { gpuToTorch, type Module, type Parameter, type StateTensor } from '../../src/nn/index.ts';
import type { SingleStageDetector, TrainBatch } from '../../src/models/index.ts';
import { BuildContext, createRunRegistries } from '../../src/registry/index.ts';
import '../../src/models/index.ts';
import { decodeValue } from './compare.ts';
import { formulaWeights } from './weightFormula.ts';

/** Statistics of a tensor as the fixtures hold them; values in PyTorch's order. */
export interface TensorStats {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly abs_max?: number;
  readonly abs_sum?: number;
  readonly first: readonly number[];
  readonly last?: readonly number[];
}

/** A context that builds models only: it has no files and no pictures. */
export function modelContext(): BuildContext {
  const refuse = (): never => {
    throw new Error('internal: parity models read no files');
  };
  const fs = {
    readFile: refuse,
    readText: refuse,
    readRange: refuse,
    stat: refuse,
    list: refuse,
    makeDir: refuse,
    writeFile: refuse,
    appendFile: refuse,
    createWriter: refuse,
    rename: refuse,
    remove: refuse,
  };
  return new BuildContext(createRunRegistries(), { fs, decodeImage: refuse, seed: 0, warn: () => undefined });
}

/** Build a fixture's detector. */
export function buildDetector(modelCfg: unknown): SingleStageDetector {
  return modelContext().build<SingleStageDetector>('MODELS', decodeValue(modelCfg), 'model');
}

/** Whether a fixture's model is one that exists here. @returns the missing type's name, or null */
export function missingType(modelCfg: unknown): string | null {
  const { registries } = modelContext();
  const { MODELS } = registries;
  let missing: string | null = null;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const isModelPart =
          key === 'backbone' || key === 'neck' || key === 'bbox_head' || key.startsWith('loss_');
        if (isModelPart && typeof inner === 'object' && inner !== null && 'type' in inner) {
          if (typeof inner.type === 'string' && !MODELS.has(inner.type)) missing ??= inner.type;
        }
        visit(inner);
      }
    }
  };
  visit({ backbone: modelCfg });
  return missing;
}

/** Set every tensor of a model by the weight formula. */
export function setFormulaWeights(model: Module): void {
  const state = new Map<string, StateTensor>();
  for (const [name, { shape }] of model.namedParameters())
    state.set(name, { shape, dtype: 'float32', data: formulaWeights(name, shape) });
  for (const [name, { shape, dtype }] of model.namedBuffers())
    state.set(name, { shape, dtype, data: formulaWeights(name, shape) });
  model.loadStateDict(state, { strict: true });
}

/** A batch of fixture boxes over a formula input. */
export function fixtureBatch(
  img: Float32Array,
  [b = 0, c = 0, h = 0, w = 0]: readonly number[],
  gtBboxes: readonly (readonly (readonly number[])[])[],
  gtLabels: readonly (readonly number[])[],
): TrainBatch {
  const shape = [h, w, c];
  return {
    img,
    shape: [b, h, w, c],
    gtBboxes: gtBboxes.map((boxes) => Float32Array.from(boxes.flat())),
    gtLabels: gtLabels.map((labels) => Int32Array.from(labels)),
    imgMetas: gtBboxes.map(() => ({ img_shape: shape, pad_shape: shape, ori_shape: shape, scale_factor: 1 })),
  };
}

/** Reorder NHWC values to NCHW. */
export function toNchw(data: Float32Array, [b = 0, h = 0, w = 0, c = 0]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  for (let image = 0; image < b; image++)
    for (let p = 0; p < h * w; p++)
      for (let k = 0; k < c; k++) out[(image * c + k) * h * w + p] = data[(image * h * w + p) * c + k] ?? NaN;
  return out;
}

/** Read a gradient in its parameter's PyTorch layout. */
export async function gradientToTorch(
  grad: Tensor,
  parameter: Parameter,
  read: (t: Tensor) => Promise<Float32Array | Int32Array>,
): Promise<Float32Array> {
  return gpuToTorch(Float32Array.from(await read(grad)), parameter.shape, parameter.layout);
}

/** 2-norm in float64. */
export function norm2(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** |got - wanted| relative to the wanted value. */
export function relativeError(got: number, wanted: number): number {
  return got === wanted ? 0 : Math.abs(got - wanted) / Math.max(Math.abs(wanted), 1e-12);
}

/**
 * Compare values with their statistics. Errors are relative to the largest value.
 * @param ddof 1 where the fixture's spread is PyTorch's (divided by n - 1), 0 where it is NumPy's
 * @returns null when all agree within `tolerance`
 */
export function diffStats(
  where: string,
  got: Float32Array,
  shape: readonly number[],
  wanted: TensorStats,
  tolerance: number,
  ddof = 1,
): string | null {
  if (shape.join() !== wanted.shape.join()) return `${where}: shape [${shape}], wanted [${wanted.shape}]`;
  const stats = statsOf(got, ddof);
  const scale = Math.max(wanted.abs_max ?? stats.absMax, 1e-12);
  const checks: [string, number, number, number][] = [
    ['mean', stats.mean, wanted.mean, scale],
    ['std', stats.std, wanted.std, scale],
  ];
  if (wanted.abs_max !== undefined) checks.push(['abs_max', stats.absMax, wanted.abs_max, scale]);
  if (wanted.abs_sum !== undefined) checks.push(['abs_sum', stats.absSum, wanted.abs_sum, wanted.abs_sum]);
  wanted.first.forEach((value, i) => checks.push([`[${i}]`, got[i] ?? NaN, value, scale]));
  const tail = wanted.last ?? [];
  tail.forEach((value, i) =>
    checks.push([`[${i - tail.length}]`, got[got.length - tail.length + i] ?? NaN, value, scale]),
  );
  for (const [name, value, expected, by] of checks) {
    const error = Math.abs(value - expected) / by;
    if (!(error <= tolerance))
      return `${where} ${name}: got ${value}, wanted ${expected} (error ${error.toExponential(1)})`;
  }
  return null;
}

function statsOf(
  values: Float32Array,
  ddof: number,
): { mean: number; std: number; absMax: number; absSum: number } {
  let [sum, absSum, absMax] = [0, 0, 0];
  for (const value of values) {
    sum += value;
    absSum += Math.abs(value);
    absMax = Math.max(absMax, Math.abs(value));
  }
  const mean = sum / values.length;
  let square = 0;
  for (const value of values) square += (value - mean) ** 2;
  return { mean, std: Math.sqrt(square / Math.max(values.length - ddof, 1)), absMax, absSum };
}

/** PyTorch's SGD over all parameters of a model, nothing else. */
export class PlainSgd {
  readonly #lr: number;
  readonly #momentum: number;
  readonly #weightDecay: number;
  readonly #buffers = new Map<Parameter, Tensor>();

  constructor(options: { lr: number; momentum: number; weightDecay: number }) {
    this.#lr = options.lr;
    this.#momentum = options.momentum;
    this.#weightDecay = options.weightDecay;
  }

  /** d = g + decay p; buf = momentum buf + d; p -= lr buf. Takes the gradients and frees them. */
  step(grads: ReadonlyMap<Parameter, Tensor>): void {
    for (const [parameter, g] of grads) {
      let buf = this.#buffers.get(parameter);
      if (!buf) this.#buffers.set(parameter, (buf = tensor(new Float32Array(g.size), g.shape)));
      runElementwise({
        name: 'paritySgd',
        body: 'buf = u.momentum * buf + (g + u.decay * p); p = p - u.lr * buf;',
        reads: { g },
        writes: { p: parameter.variable, buf },
        uniforms: { lr: this.#lr, momentum: this.#momentum, decay: this.#weightDecay },
      });
      dispose(g);
    }
  }

  dispose(): void {
    for (const buf of this.#buffers.values()) dispose(buf);
    this.#buffers.clear();
  }
}
