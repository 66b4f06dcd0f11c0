import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook, type HookState } from './hook.ts';
import { LoggerHook } from './logger/base.ts';

/**
 * Logs `data_time` (waiting for the batch) and `time` (the whole iteration), in seconds.
 * Source: mmcv 1.7.2 `hooks/iter_timer.py`. The GPU works asynchronously: `time` is right on average over a
 * log interval, at whose end the losses are read back.
 */
export class IterTimerHook extends Hook {
  static readonly args = {};
  readonly #clock: () => number;
  #startS = 0;

  /** @param clock seconds; a test may bring its own */
  constructor(_args: object = {}, _context?: unknown, clock: () => number = () => performance.now() / 1000) {
    super();
    this.#clock = clock;
  }

  /** A run that is resumed inside an iteration counts what it took before. */
  override stateDict(): HookState {
    return { elapsed_s: this.#clock() - this.#startS };
  }

  override loadStateDict({ elapsed_s: elapsedS }: HookState): void {
    this.#startS = this.#clock() - Number(elapsedS);
  }

  override beforeEpoch(): void {
    this.#startS = this.#clock();
  }

  override beforeIter(runner: BaseRunner): void {
    runner.logBuffer.update({ data_time: this.#clock() - this.#startS });
  }

  override async afterIter(runner: BaseRunner): Promise<void> {
    // The GPU works behind: where a logger is about to read the losses back, the wait belongs to this iteration.
    const isLogged = runner.hooks.some((hook) => hook instanceof LoggerHook && hook.isDue(runner));
    if (runner.mode === 'train' && isLogged) await runner.logBuffer.resolve();
    runner.logBuffer.update({ time: this.#clock() - this.#startS });
    this.#startS = this.#clock();
  }
}

HOOKS.registerModule()(IterTimerHook);
