import type { BaseRunner } from '../baseRunner.ts';
import { LoggerHook } from './logger/base.ts';

/**
 * Tells whoever listens (the charts, the watch for NaN losses) what the run measures: once whenever a logger is about to
 * log, or at its own interval in a run without loggers. It stands in front of the loggers and leaves them the buffer as
 * it is. Ours; MMCV has only its loggers.
 */
export class MeasureHook extends LoggerHook {
  override isDue(runner: BaseRunner): boolean {
    return this.#dueIntervals(runner).length > 0;
  }

  override log(runner: BaseRunner): void {
    this.#tell(runner, runner.logBuffer.output, runner.iter);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    const { logBuffer } = runner;
    const intervals = this.#dueIntervals(runner);
    if (intervals.length > 0) {
      await logBuffer.resolve();
      const averages = logBuffer.averages(Math.min(...intervals));
      this.#tell(runner, new Map([...logBuffer.output, ...averages]), runner.iter + 1);
    } else if (logBuffer.ready) this.#tell(runner, logBuffer.output, runner.iter + 1);
    if (this.resetFlag) logBuffer.clearOutput();
  }

  override async afterValEpoch(runner: BaseRunner): Promise<void> {
    const { logBuffer } = runner;
    await logBuffer.resolve();
    this.#tell(runner, new Map([...logBuffer.output, ...logBuffer.averages()]), runner.iter);
  }

  /** Those of the loggers that log now; without any, this hook's own when it is due. */
  #dueIntervals(runner: BaseRunner): number[] {
    const loggers = runner.hooks
      .filter((hook) => hook instanceof LoggerHook)
      .filter((hook) => hook !== this && hook.interval > 0);
    if (loggers.length === 0) return super.isDue(runner) ? [this.interval] : [];
    return loggers.filter((hook) => hook.isDue(runner)).map(({ interval }) => interval);
  }

  /** @param iter finished iterations of the run */
  #tell(runner: BaseRunner, output: ReadonlyMap<string, number | string>, iter: number): void {
    const values: Record<string, number> = {};
    const lr = runner.currentLr().at(0);
    if (lr !== undefined) values.lr = lr;
    for (const [name, value] of output)
      if (typeof value === 'number' && name !== 'eval_iter_num') values[name] = value;
    // MMCV's rule: what has no time was not measured in training.
    const mode = runner.mode === 'train' && output.has('time') ? 'train' : 'val';
    runner.onEvent({ name: 'run.measured', mode, epoch: this.getEpoch(runner), iter, values });
  }
}
