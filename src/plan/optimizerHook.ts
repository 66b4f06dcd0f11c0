// The hook of `optimizer_config`, which with `fp16` is one that scales losses.

import { ConfigError, TrainerError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { copySources, sourceOf } from '../lang/sourceMap.ts';
import { ClosureOptimizer } from '../optim/closureOptimizer.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { GradientCumulativeOptimizerHook } from '../runner/hooks/gradientCumulativeOptimizer.ts';
import type { Hook } from '../runner/hooks/hook.ts';
import { buildHook } from './buildHook.ts';

const PATH = 'optimizer_config';

/**
 * Build the optimizer hook of a config.
 * @returns null for a config without one
 * @throws ConfigError `given-twice`, or `unsupported` for a hook that can't scale, or whose steps the optimizer can't make
 */
export function buildOptimizerHook(
  dict: Readonly<Record<string, unknown>>,
  optimizer: Optimizer | null,
  context: BuildContext,
): Hook | null {
  const { optimizer_config: own, fp16 } = dict;
  const cfg = withFp16(own, fp16);
  if (cfg === null || cfg === undefined) return null;
  let hook: Hook;
  try {
    hook = buildHook(cfg, PATH, context, { type: 'OptimizerHook' });
  } catch (error) {
    throw isDict(fp16) ? atFp16(error, fp16) : error;
  }
  if (optimizer instanceof ClosureOptimizer && hook instanceof GradientCumulativeOptimizerHook) {
    throw new ConfigError(
      `gradients can't be added up for ${optimizer.constructor.name}, which needs the loss of one batch again and again`,
      {
        code: 'unsupported',
        path: `${PATH}.type`,
        span: sourceOf(cfg, 'type')?.span,
        hint: "leave type='GradientCumulativeOptimizerHook' out, or take another optimizer",
      },
    );
  }
  return hook;
}

/**
 * With `fp16` the optimizer hook is the one that scales losses.
 * Source: mmdet 2.28.2 `apis/train.py`. Differs: there an `optimizer_config` with a type fails beside `fp16`.
 * @throws ConfigError `given-twice`, or `unsupported` for an optimizer hook that can't scale
 */
function withFp16(optimizerConfig: unknown, fp16: unknown): unknown {
  if (!isDict(fp16)) return optimizerConfig;
  const cfg = isDict(optimizerConfig) ? optimizerConfig : {};
  const twice = Object.keys(fp16).find((key) => Object.hasOwn(cfg, key));
  if (twice !== undefined) {
    throw new ConfigError(`${twice} must be given once, but it is in fp16 and in optimizer_config`, {
      code: 'given-twice',
      path: `fp16.${twice}`,
    });
  }
  const scaling = scalingType(cfg);
  if (scaling === undefined) {
    throw new ConfigError(
      `fp16 must have one of MMCV's optimizer hooks beside it, but got ${String(cfg.type)}`,
      {
        code: 'unsupported',
        path: 'fp16',
        hint: `it scales losses for ${Object.keys(FP16_HOOKS).join(', ')}`,
      },
    );
  }
  const merged: Record<string, unknown> = { ...cfg, ...fp16, type: scaling };
  copySources(cfg, merged);
  copySources(fp16, merged);
  return merged;
}

/** The hook that does the same as that of an `optimizer_config`, and scales losses; undefined where there is none. */
export function scalingType({
  type = 'OptimizerHook',
}: Readonly<Record<string, unknown>>): string | undefined {
  return FP16_HOOKS[String(type)];
}

const FP16_HOOKS: Readonly<Partial<Record<string, string>>> = {
  OptimizerHook: 'Fp16OptimizerHook',
  Fp16OptimizerHook: 'Fp16OptimizerHook',
  GradientCumulativeOptimizerHook: 'GradientCumulativeFp16OptimizerHook',
  GradientCumulativeFp16OptimizerHook: 'GradientCumulativeFp16OptimizerHook',
};

/** An error about an argument that stands in `fp16`, with that place. */
function atFp16(error: unknown, fp16: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof TrainerError) || !error.path?.startsWith(`${PATH}.`)) return error;
  const rest = error.path.slice(PATH.length + 1);
  if (!Object.hasOwn(fp16, /^\w+/.exec(rest)?.[0] ?? '')) return error;
  return error.with({ path: `fp16.${rest}` });
}
