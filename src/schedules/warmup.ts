import { ConfigError } from '../errors/trainerError.ts';
import { assertNever } from '../errors/invariant.ts';
import { above, number, oneOf, optional, orNone, type Kind } from '../registry/args/index.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

const WARMUPS = ['constant', 'linear', 'exp'] as const;

export interface Warmup {
  readonly type: (typeof WARMUPS)[number];
  /** Iterations (or epochs, see `byEpoch`), positive. */
  readonly length: number;
  /** Factor at the start, in (0, 1]. */
  readonly ratio: number;
  readonly byEpoch: boolean;
}

/** Arguments that every policy takes. */
export const warmupTable = (ratio: number, iters: Kind<number>) =>
  ({
    warmup: optional(
      orNone(oneOf(...WARMUPS)),
      null,
      'How the first iterations rise (of a momentum: fall) to the regular value; None: no warm-up.',
    ),
    warmup_iters: optional(iters, 0, 'How long the warm-up is.', 'iterations, or epochs by warmup_by_epoch'),
    warmup_ratio: optional(above(number, 0), ratio, 'Factor at the start of the warm-up, at most 1.'),
  }) as const;
/** How learning-rate and momentum hooks differ in what they take. */
export interface WarmupRules {
  /** `warmup_iters` must be an int, also where nothing warms up: the learning-rate hook asserts it in its first iteration. */
  readonly warmupItersIsInt: boolean;
}

/**
 * Read the warm-up.
 * @returns undefined without one
 * @throws ConfigError `bad-value` for an unknown type, no iterations, or a ratio outside (0, 1]
 */
export function readWarmup(args: ScheduleArgs, rules: WarmupRules): Warmup | undefined {
  const length = rules.warmupItersIsInt || args.has('warmup') ? args.number('warmup_iters') : 0;
  const mustBe = 'must be a positive integer';
  if (rules.warmupItersIsInt && args.isKnownFloat('warmup_iters'))
    throw args.badValue('warmup_iters', mustBe);
  if (!args.has('warmup')) return undefined;
  const ratio = args.number('warmup_ratio');
  const type = args.choice('warmup', WARMUPS);
  if (!(length > 0)) throw args.badValue('warmup_iters', mustBe);
  if (!(ratio > 0 && ratio <= 1)) throw args.badValue('warmup_ratio', 'must be in range (0,1]');
  return { type, length, ratio, byEpoch: args.boolean('warmup_by_epoch') };
}

/**
 * The factor at iteration `iter` of `iters`: ratio first, growing to 1 (`constant` jumps at the end).
 * linear: 1 - (1 - i/W)(1 - ratio); exp: ratio^(1 - i/W).
 * @example warmupFactor('linear', 250, 500, 0.001) // 0.5005
 * Source: mmcv 1.7.2 `LrUpdaterHook.get_warmup_lr`.
 */
export function warmupFactor(type: Warmup['type'], iter: number, iters: number, ratio: number): number {
  switch (type) {
    case 'constant':
      return ratio;
    case 'linear':
      return 1 - (1 - iter / iters) * (1 - ratio);
    case 'exp':
      return ratio ** (1 - iter / iters);
    default:
      return assertNever(type, 'warm-up');
  }
}

/** IterBasedRunner has no epochs to count a warm-up in. */
export function refuseEpochWarmup(args: ScheduleArgs): never {
  throw new ConfigError(
    `${args.className}: warmup_by_epoch needs an EpochBasedRunner, but got an IterBasedRunner`,
    {
      code: 'bad-value',
      path: `${args.kind.path}.warmup_by_epoch`,
      hint: 'count the warm-up in iterations: warmup_iters=…, warmup_by_epoch=False',
    },
  );
}
