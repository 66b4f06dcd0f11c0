// Runs grad_clip.json on the specification of gradient clipping, in float32 and float64.

import { RunError } from '../../errors/trainerError.ts';
import { clipGradNormReference, gradClipOptions } from '../../optim/gradClip.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Relative; torch adds float32 sums in another order. */
const TOLERANCE = { float32: 1e-5, float64: 1e-12 } as const;

export const suite: ParitySuite = {
  files: ['grad_clip.json'],
  run: (fixture, file) => runCases(fixture, file, runCase),
};

function runCase(one: FixtureCase): ParityOutcome {
  const { max_norm, norm_type, kwargs } = one as FixtureCase & { kwargs?: Record<string, unknown> };
  const options = gradClipOptions({ max_norm, norm_type, ...kwargs });
  const grads = decodeValue(one.grads) as (number[] | null)[];
  let compared = 0;
  for (const dtype of ['float32', 'float64'] as const) {
    const wanted = one[dtype];
    if (wanted === undefined && !one.error) continue;
    compared += 1;
    const isSingle = dtype === 'float32';
    const inputs = grads.map((grad) => grad && (isSingle ? Float32Array.from(grad) : grad));
    try {
      const { totalNorm, clipped } = clipGradNormReference(
        inputs,
        options,
        isSingle ? Math.fround : undefined,
      );
      if (one.error) return failed(`must raise ${JSON.stringify(one.error)}`);
      const got = { total_norm: totalNorm, clipped };
      const difference = diffNumbers(dtype, got, decodeValue(wanted), TOLERANCE[dtype]);
      if (difference) return difference;
    } catch (error) {
      if (one.error && error instanceof RunError && error.code === 'nonfinite-gradient') continue;
      throw error;
    }
  }
  return compared > 0 ? passed : failed('the case has nothing to compare');
}
