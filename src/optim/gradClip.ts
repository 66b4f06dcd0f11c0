// Gradient clipping by the norm over all gradients.

import { RunError } from '../errors/trainerError.ts';
import { clipFactor, dispose, read, scaleAll, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import {
  absent,
  advised,
  anything,
  checkedDict,
  declareArgs,
  flag,
  kindOf,
  number,
  optional,
  required,
} from '../registry/args/index.ts';
import type { ParameterPool } from './parameterPool.ts';
import { at } from '../util/at.ts';

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

/** Of `optimizer_config.grad_clip`. */
export const GRAD_CLIP_ARGS = declareArgs({
  max_norm: required(
    advised(
      number,
      (norm) => norm > 0,
      'greater than 0, since every gradient is scaled to it',
      'write grad_clip=None to leave gradients as they are',
    ),
    'The norm of all gradients together above which they are scaled down to it.',
  ),
  norm_type: optional(
    kindOf<number | string>('float | str', "a number or 'inf'", (value) => !Number.isNaN(normTypeOf(value))),
    2,
    "The p of the norm; a text is read as Python's float() reads it: 'inf'.",
  ),
  error_if_nonfinite: optional(
    flag,
    false,
    'Whether a NaN or infinite norm ends the run; costs a readback each iteration.',
  ),
  foreach: absent(anything, 'Changes nothing: it says how torch computes, not what.'),
});

/**
 * Read `grad_clip=dict(max_norm=35, norm_type=2)`.
 * @param path where the dict stands, for messages
 * @throws ConfigError `unknown-argument`, `missing-argument`, `bad-value`
 */
export function gradClipOptions(
  cfg: Readonly<Record<string, unknown>>,
  path = 'optimizer_config.grad_clip',
): GradClipOptions {
  const { max_norm, norm_type, error_if_nonfinite } = checkedDict(GRAD_CLIP_ARGS, cfg, 'grad_clip', path);
  return {
    maxNorm: max_norm,
    normType: normTypeOf(norm_type),
    errorIfNonfinite: Boolean(error_if_nonfinite),
  };
}

/** @returns NaN for what is no number */
function normTypeOf(value: unknown): number {
  if (typeof value === 'string') return readFloat(value);
  return typeof value === 'number' ? value : NaN;
}

/** Numbers as Python's float() reads them; NaN for any other text. */
function readFloat(text: string): number {
  const bare = text.trim();
  if (/^[+-]?inf(inity)?$/i.test(bare)) return bare.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?[\d.]/.test(bare) ? Number(bare) : NaN;
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
