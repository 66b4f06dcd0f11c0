import { RunError } from '../../errors/trainerError.ts';
import { declareArgs, int, optional, withDefaults, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  interval: optional(int, 50, 'How often the losses are looked at; below 1: never.', 'iterations'),
});

/**
 * Ends the run when a loss is NaN or infinite. It looks every `interval` iterations, as looking waits for the GPU.
 * Source: mmdet 2.28.2 `core/hook/checkloss_hook.py`.
 */
export class CheckInvalidLossHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly interval: number;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    this.interval = withDefaults(ARGS, args).interval;
  }

  /** @throws RunError `invalid-loss` */
  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (!this.everyNIters(runner, this.interval)) return;
    // Through the buffer: what a logger has read back before is on the GPU no more.
    const losses = [...(await runner.logBuffer.latestLogVars())];
    const bad = losses.filter(([name, value]) => name.includes('loss') && !Number.isFinite(value));
    if (bad.length === 0) return;
    throw new RunError(
      `losses must be finite, but in iteration ${runner.iter + 1} ${losses.map(([n, v]) => `${n} is ${v}`).join(', ')}`,
      {
        code: 'invalid-loss',
        hint: `lower the learning rate (now ${runner.currentLr().at(0) ?? 'none'}), add a warm-up or optimizer_config.grad_clip`,
      },
    );
  }
}

HOOKS.registerModule()(CheckInvalidLossHook);
