// Gradient clipping by the norm over all gradients.

import { ConfigError, RunError } from '../errors/trainerError.ts';
import { clipFactor, dispose, read, scaleAll, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import type { ParameterPool } from './parameterPool.ts';

export interface GradClipOptions {
  readonly maxNorm: number;
  /** p of the norm, > 0, or Infinity. Default 2. */
  readonly normType?: number;
  /** Fail on a NaN or infinite norm instead of poisoning the gradients; costs a readback. Default false. */
  readonly errorIfNonfinite?: boolean;
}

const CLIP_KEYS = ['max_norm', 'norm_type', 'error_if_nonfinite'];

/**
 * Read `grad_clip=dict(max_norm=35, norm_type=2)`; `norm_type='inf'` is Infinity.
 * @param path where the dict stands, for messages
 * @throws ConfigError `unknown-argument`, `missing-argument`, `bad-type`
 */
export function gradClipOptions(
  cfg: Readonly<Record<string, unknown>>,
  path = 'optimizer_config.grad_clip',
): GradClipOptions {
  for (const key of Object.keys(cfg)) {
    if (CLIP_KEYS.includes(key)) continue;
    throw new ConfigError(`grad_clip got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      path: `${path}.${key}`,
      hint: `it takes: ${CLIP_KEYS.join(', ')}`,
    });
  }
  const { max_norm, norm_type = 2, error_if_nonfinite = false } = cfg;
  if (typeof max_norm !== 'number') throw badNumber(max_norm, `${path}.max_norm`);
  const normType = norm_type === 'inf' ? Infinity : norm_type;
  if (typeof normType !== 'number' || !(normType > 0)) throw badNumber(norm_type, `${path}.norm_type`);
  return { maxNorm: max_norm, normType, errorIfNonfinite: Boolean(error_if_nonfinite) };
}

function badNumber(value: unknown, path: string): ConfigError {
  const isMissing = value === undefined;
  return new ConfigError(
    `${path} must be a ${path.endsWith('norm_type') ? "positive number or 'inf'" : 'number'}, but got ${isMissing ? 'nothing' : JSON.stringify(value)}`,
    { code: isMissing ? 'missing-argument' : 'bad-type', path },
  );
}

/**
 * The specification: total norm, and gradients times min(1, max_norm / (norm + 1e-6)).
 * A NaN norm makes every gradient NaN; an infinite one makes finite gradients 0.
 * @param grads null for a parameter without gradient; borrowed
 * @param round rounds each result: `Math.fround` for float32, identity for float64
 * @throws RunError `nonfinite-gradient` with errorIfNonfinite
 * Source: torch 1.13 `clip_grad_norm_`.
 */
export function clipGradNormReference(
  grads: readonly (ArrayLike<number> | null)[],
  { maxNorm, normType = 2, errorIfNonfinite = false }: GradClipOptions,
  round: (value: number) => number = (value) => value,
): { totalNorm: number; clipped: (number[] | null)[] } {
  let sum = 0;
  for (const grad of grads) {
    for (let i = 0; i < (grad?.length ?? 0); i++) {
      const value = Math.abs(grad?.[i] ?? 0);
      if (normType !== Infinity) sum += value ** normType;
      else if (value > sum || Number.isNaN(value)) sum = value;
      if (Number.isNaN(sum)) break;
    }
  }
  const totalNorm = round(normType === Infinity ? sum : sum ** (1 / normType));
  if (errorIfNonfinite) refuseNonfinite(totalNorm, normType);
  const ratio = round(maxNorm / round(totalNorm + 1e-6));
  // Not Math.min: like torch.clamp, NaN must stay NaN.
  const factor = ratio > 1 ? 1 : ratio;
  const clipped = grads.map((grad) => grad && Array.from(grad, (value) => round(value * factor)));
  return { totalNorm, clipped };
}

/**
 * Clip the parameters' gradients in place on the GPU; the norm and the factor never leave it.
 * @param parameters those without gradient are skipped
 * @param options `errorIfNonfinite` is {@link checkFiniteNorm}'s business, as it needs a readback
 * @param pool the optimizer's: its parameters' gradients move into their slots, and take 3 or 4 dispatches together
 * @returns the total norm before clipping, a float32 scalar tensor that the caller disposes; null without gradients
 */
export function clipGradNorm(
  parameters: readonly Parameter[],
  options: GradClipOptions,
  pool: ParameterPool | null = null,
): Tensor | null {
  const { maxNorm, normType = 2 } = options;
  const having = parameters.filter(({ grad }) => grad);
  if (having.length === 0) return null;
  // Of a part of the pool the norm is taken tensor by tensor.
  const clipped = new Set(having);
  const whole = pool?.parameters.every((param) => !param.grad || clipped.has(param)) ? pool : null;
  const grads = having.flatMap((param) =>
    param.grad && whole?.indexOf(param) === undefined ? [param.grad] : [],
  );
  const isPooled = whole !== null && grads.length < having.length;
  const { norm, factor } = clipFactor(
    isPooled ? [...whole.wholeGrads(), ...grads] : grads,
    normType,
    maxNorm,
  );
  if (isPooled) whole.scaleGrads(factor);
  scaleAll(grads, factor);
  dispose(factor);
  return norm;
}

/**
 * Read a norm back and refuse NaN and infinity.
 * @param norm of {@link clipGradNorm}; borrowed
 * @throws RunError `nonfinite-gradient`
 */
export async function checkFiniteNorm(norm: Tensor, normType = 2): Promise<void> {
  refuseNonfinite((await read(norm))[0], normType);
}

function refuseNonfinite(norm: number, normType: number): void {
  if (Number.isFinite(norm)) return;
  throw new RunError(`the gradients' total norm (order ${normType}) must be finite, but is ${norm}`, {
    code: 'nonfinite-gradient',
    hint: 'lower the learning rate or add a warm-up; error_if_nonfinite=False scales by it anyway',
  });
}
