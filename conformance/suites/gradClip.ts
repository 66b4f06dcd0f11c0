// Runs grad_clip.json: the GPU's gradient clipping, and its specification in float32 and float64.

import { RunError } from '../../src/errors/trainerError.ts';
import { read, tensor } from '../../src/gpu/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import {
  checkFiniteNorm,
  clipGradNorm,
  clipGradNormReference,
  gradClipOptions,
  type GradClipOptions,
} from '../../src/optim/gradClip.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Relative; torch adds float32 sums in another order. */
const TOLERANCE = { float32: 1e-5, float64: 1e-12 } as const;

export const suite: ParitySuite = {
  files: ['grad_clip.json'],
  needsGpu: true,
  run: (fixture, file) => runCases(fixture, file, runCase),
};

type Grads = readonly (readonly number[] | null)[];

interface Clipped {
  readonly totalNorm: number;
  readonly clipped: readonly (readonly number[] | null)[];
}

/** Each way to clip, and what of the fixture it is compared with. */
const WAYS = [
  { name: 'gpu', dtype: 'float32', clip: clipOnGpu },
  {
    name: 'float32',
    dtype: 'float32',
    clip: (grads: Grads, options: GradClipOptions) =>
      clipGradNormReference(
        grads.map((grad) => grad && Float32Array.from(grad)),
        options,
        Math.fround,
      ),
  },
  { name: 'float64', dtype: 'float64', clip: clipGradNormReference },
] as const;

async function runCase(one: FixtureCase): Promise<ParityOutcome> {
  const { max_norm, norm_type, kwargs } = one as FixtureCase & { kwargs?: Record<string, unknown> };
  const options = gradClipOptions({ max_norm, norm_type, ...kwargs });
  const grads = decodeValue(one.grads) as Grads;
  let compared = 0;
  for (const { name, dtype, clip } of WAYS) {
    const wanted = one[dtype];
    if (wanted === undefined && !one.error) continue;
    compared += 1;
    try {
      const { totalNorm, clipped } = await clip(grads, options);
      if (one.error) return failed(`${name}: must raise ${JSON.stringify(one.error)}`);
      const got = { total_norm: totalNorm, clipped };
      const difference = diffNumbers(name, got, decodeValue(wanted), TOLERANCE[dtype]);
      if (difference) return difference;
    } catch (error) {
      if (one.error && error instanceof RunError && error.code === 'nonfinite-gradient') continue;
      throw error;
    }
  }
  return compared > 0 ? passed : failed('the case has nothing to compare');
}

async function clipOnGpu(grads: Grads, options: GradClipOptions): Promise<Clipped> {
  const parameters = grads.map((grad) => {
    const parameter = new Parameter([grad?.length ?? 1]);
    if (grad) parameter.grad = tensor([...grad], [grad.length]);
    return parameter;
  });
  try {
    const norm = clipGradNorm(parameters, options);
    try {
      if (norm && options.errorIfNonfinite) await checkFiniteNorm(norm, options.normType);
      // torch's norm of nothing is 0.
      const totalNorm = norm ? ((await read(norm))[0] ?? NaN) : 0;
      const clipped: (number[] | null)[] = [];
      for (const { grad } of parameters) clipped.push(grad && Array.from(await read(grad)));
      return { totalNorm, clipped };
    } finally {
      norm?.dispose();
    }
  } finally {
    for (const parameter of parameters) {
      parameter.grad?.dispose();
      parameter.dispose();
    }
  }
}
