// Gradient clipping by the norm over all gradients.

import { ConfigError, RunError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { clipFactor, dispose, read, scaleAll, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import type { ParameterPool } from './parameterPool.ts';
import { at } from '../util/at.ts';
import { nearest } from '../util/nearest.ts';

export interface GradClipOptions {
  readonly maxNorm: number;
  /**
   * p of the norm. 0 counts the gradients that aren't all zero, as PyTorch's norm of norms does; -Infinity is the smallest
   * absolute value. Default 2.
   */
  readonly normType?: number;
  /** Fail on a NaN or infinite norm instead of poisoning the gradients; costs a readback. Default false. */
  readonly errorIfNonfinite?: boolean;
}

/** `foreach` of torch 2 says how it computes, not what. */
const CLIP_KEYS = ['max_norm', 'norm_type', 'error_if_nonfinite', 'foreach'];

/**
 * Read `grad_clip=dict(max_norm=35, norm_type=2)`; `norm_type` may be a text that Python's float() reads, such as 'inf'.
 * @param path where the dict stands, for messages
 * @throws ConfigError `unknown-argument`, `missing-argument`, `bad-type`
 */
export function gradClipOptions(
  cfg: Readonly<Record<string, unknown>>,
  path = 'optimizer_config.grad_clip',
): GradClipOptions {
  for (const key of Object.keys(cfg)) {
    if (CLIP_KEYS.includes(key)) continue;
    const meant = nearest(key, CLIP_KEYS);
    throw new ConfigError(`grad_clip got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      path: `${path}.${key}`,
      hint: meant ? `did you mean '${meant}'?` : `it takes: ${CLIP_KEYS.join(', ')}`,
    });
  }
  const { max_norm, norm_type = 2, error_if_nonfinite = false } = cfg;
  if (typeof max_norm !== 'number') throw badNumber(max_norm, `${path}.max_norm`);
  const normType = typeof norm_type === 'string' ? readFloat(norm_type) : norm_type;
  if (typeof normType !== 'number' || Number.isNaN(normType)) throw badNumber(norm_type, `${path}.norm_type`);
  return { maxNorm: max_norm, normType, errorIfNonfinite: Boolean(error_if_nonfinite) };
}

/** Numbers as Python's float() reads them; NaN for any other text. */
function readFloat(text: string): number {
  const bare = text.trim();
  if (/^[+-]?inf(inity)?$/i.test(bare)) return bare.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?[\d.]/.test(bare) ? Number(bare) : NaN;
}

function badNumber(value: unknown, path: string): ConfigError {
  const isMissing = value === undefined;
  return new ConfigError(
    `${path} must be a number${path.endsWith('norm_type') ? " or 'inf'" : ''}, but got ${isMissing ? 'nothing' : plainRepr(value)}`,
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
  const totalNorm = round(totalNormOf(grads, normType));
  if (errorIfNonfinite) refuseNonfinite(totalNorm, normType);
  const ratio = round(maxNorm / round(totalNorm + 1e-6));
  // Not Math.min: like torch.clamp, NaN must stay NaN.
  const factor = ratio > 1 ? 1 : ratio;
  const clipped = grads.map((grad) => grad && Array.from(grad, (value) => round(value * factor)));
  return { totalNorm, clipped };
}

function totalNormOf(grads: readonly (ArrayLike<number> | null)[], normType: number): number {
  const having = grads.filter((grad): grad is ArrayLike<number> => grad !== null && grad.length > 0);
  if (having.length === 0) return 0;
  if (normType === 0) return having.filter((grad) => Array.from(grad).some((value) => value !== 0)).length;
  let total = normType === -Infinity ? Infinity : 0;
  for (const grad of having) {
    for (let i = 0; i < grad.length; i++) {
      const value = Math.abs(at(grad, i));
      if (Number.isNaN(value)) return NaN;
      if (Number.isFinite(normType)) total += value ** normType;
      else total = normType > 0 ? Math.max(total, value) : Math.min(total, value);
    }
  }
  return Number.isFinite(normType) ? total ** (1 / normType) : total;
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
  // Of a part of the pool the norm is taken tensor by tensor; so it is where the zeros between its tensors would count.
  const clipped = new Set(having);
  const whole =
    normType > 0 && pool?.parameters.every((param) => !param.grad || clipped.has(param)) ? pool : null;
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
  refuseNonfinite(at(await read(norm), 0), normType);
}

function refuseNonfinite(norm: number, normType: number): void {
  if (Number.isFinite(norm)) return;
  throw new RunError(`the gradients' total norm (order ${normType}) must be finite, but is ${norm}`, {
    code: 'nonfinite-gradient',
    hint: 'lower the learning rate or add a warm-up; error_if_nonfinite=False scales by it anyway',
  });
}
