// `meta.tabtrain`: what a checkpoint holds beyond MMCV's, so that a resumed run gives the bits of one never stopped.
// MMCV and PyTorch read such a file as any other.

import type { BaseRunner } from './baseRunner.ts';
import type { OpenStage, ResumePlace, RunPosition } from './runnerTypes.ts';
import { hookKeyOf, hookKeys } from './hookKeys.ts';
import type { Hook, HookState } from './hooks/hook.ts';
import type { GroupOptions } from './resumedOptions.ts';
import { LoggerHook } from './hooks/logger/base.ts';
import type { LogBufferState } from './logBuffer.ts';

/** What {@link collectOwnMeta} writes. */
export interface OwnMeta {
  position?: { epoch: number; iter: number; inner_iter: number };
  /** The stage whose later hooks were still to be called. */
  open_stage?: { stage: OpenStage['stage']; behind: string } | null;
  /** The log of the running interval. */
  log?: LogBufferState;
  hooks?: Record<string, HookState>;
  /** What the config set, before any schedule. */
  optimizer_options?: GroupOptions;
  /** Absent where the run has no length yet. */
  iters_per_epoch?: number;
  batch_size?: number;
}

/** The stage in which a hook writes a checkpoint. */
export interface WritingStage {
  readonly stage: OpenStage['stage'];
  readonly hook: Hook;
}

/**
 * Note position, log and hooks.
 * @param base what the run itself puts there, such as its seed
 * @param writer null between two iterations
 */
export async function collectOwnMeta(
  runner: BaseRunner,
  base: unknown,
  position: RunPosition,
  writer: WritingStage | null,
): Promise<Record<string, unknown>> {
  const hooks: Record<string, HookState> = {};
  for (const [key, hook] of hookKeys(runner.hooks)) {
    const state = await hook.stateDict(runner);
    if (state) hooks[key] = state;
  }
  const longest = Math.max(
    0,
    ...runner.hooks.map((hook) => (hook instanceof LoggerHook ? hook.interval : 0)),
  );
  return {
    ...(base as object | undefined),
    position: { epoch: position.epoch, iter: position.iter, inner_iter: position.innerIter },
    open_stage: writer && { stage: writer.stage, behind: hookKeyOf(runner.hooks, writer.hook) },
    log: await runner.logBuffer.stateDict(longest),
    hooks,
    ...(runner.optionsAtStart && { optimizer_options: runner.optionsAtStart }),
    ...(runner.itersPerEpoch > 0 && { iters_per_epoch: runner.itersPerEpoch }),
  };
}

/** The part for {@link BaseRunner.restorePosition}; null when the file is another program's. */
export function resumePlaceOf(own: OwnMeta | undefined): ResumePlace | null {
  if (!own?.position) return null;
  return { openStage: own.open_stage ?? null, log: own.log ?? null };
}

/** Give each hook back what it noted. */
export function restoreHooks(runner: BaseRunner, own: OwnMeta | undefined): void {
  for (const [key, hook] of hookKeys(runner.hooks)) {
    const state = own?.hooks?.[key];
    if (state) hook.loadStateDict(state, runner);
  }
}
