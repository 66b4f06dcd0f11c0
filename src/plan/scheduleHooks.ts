// The hooks of `lr_config` and `momentum_config`: MMCV's policies, and those that a person registered.

import { copySources } from '../lang/sourceMap.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { knownArgs } from '../registry/constructorArgs.ts';
import type { Hook } from '../runner/hooks/hook.ts';
import type { ScheduleHookOptions } from '../runner/hooks/scheduleRun.ts';
import { LrUpdaterHook } from '../runner/hooks/lrUpdater.ts';
import { MomentumUpdaterHook } from '../runner/hooks/momentumUpdater.ts';
import { buildHook } from './buildHook.ts';
import { LR_KIND, MOMENTUM_KIND, scheduleClass } from '../schedules/index.ts';

type Dict = Readonly<Record<string, unknown>>;

/**
 * Build the hook of a `lr_config`.
 * @param unit `by_epoch` of a runner that counts in iterations, where the config says nothing
 * @throws ConfigError for an unknown policy or argument; what a class of the person's throws
 * Source: mmcv 1.7.2 `base_runner.py` register_lr_hook.
 */
export function buildLrHook(cfg: Dict, unit: Dict, context: BuildContext): Hook {
  const own = buildOwn(cfg, unit, LR_KIND, context);
  return own ?? new LrUpdaterHook(withDefaults(cfg, unit), ownHints(LR_KIND, context));
}

/** The same for a `momentum_config`; IterBasedRunner has no default for it. */
export function buildMomentumHook(cfg: Dict, context: BuildContext): Hook {
  const own = buildOwn(cfg, {}, MOMENTUM_KIND, context);
  return own ?? new MomentumUpdaterHook(cfg, ownHints(MOMENTUM_KIND, context));
}

/** Whether a policy is a class of the person's. */
export function isOwnPolicy(cfg: Dict, kind: typeof LR_KIND, { registries }: BuildContext): boolean {
  return registries.HOOKS.ownNames().includes(scheduleClass(cfg, kind));
}

function buildOwn(cfg: Dict, unit: Dict, kind: typeof LR_KIND, context: BuildContext): Hook | null {
  if (!isOwnPolicy(cfg, kind, context)) return null;
  const type = scheduleClass(cfg, kind);
  const module = context.registries.HOOKS.getOrThrow(type);
  const known = knownArgs(module);
  const isTaken = (key: string): boolean =>
    !known || known.isOpen || [...known.required, ...known.optional].includes(key);
  const defaults = Object.fromEntries(Object.entries(unit).filter(([key]) => isTaken(key)));
  const { policy: _, ...rest } = cfg;
  const args: Record<string, unknown> = { ...defaults, ...rest, type };
  copySources(cfg, args);
  return buildHook(args, kind.path, context);
}

/** What an error of an unknown policy may propose. */
function ownHints(kind: typeof LR_KIND, { registries: { HOOKS } }: BuildContext): ScheduleHookOptions {
  const names = HOOKS.ownNames().filter((name) => name.endsWith(kind.suffix));
  return {
    ownPolicies: names.map((name) => name.slice(0, -kind.suffix.length)),
    explainMissing: (className) => HOOKS.explainMissing(className),
  };
}

/** `cfg` itself unless something is missing, so that its values keep their place in the config's text. */
function withDefaults(cfg: Dict, defaults: Dict): Dict {
  const missing = Object.keys(defaults).filter((key) => cfg[key] === undefined);
  if (missing.length === 0) return cfg;
  const complete = { ...defaults, ...cfg };
  copySources(cfg, complete);
  return complete;
}
