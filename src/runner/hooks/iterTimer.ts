import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/**
 * Logs `data_time` (waiting for the batch) and `time` (the whole iteration), in seconds.
 * Source: mmcv 1.7.2 `hooks/iter_timer.py`. The GPU works asynchronously: `time` is right on average over a
 * log interval, at whose end the losses are read back.
 */
export class IterTimerHook extends Hook {
  static readonly args = {};
  #startMs = 0;

  override beforeEpoch(): void {
    this.#startMs = performance.now();
  }

  override beforeIter(runner: BaseRunner): void {
    runner.logBuffer.update({ data_time: (performance.now() - this.#startMs) / 1000 });
  }

  override afterIter(runner: BaseRunner): void {
    const now = performance.now();
    runner.logBuffer.update({ time: (now - this.#startMs) / 1000 });
    this.#startMs = now;
  }
}

HOOKS.registerModule()(IterTimerHook);
