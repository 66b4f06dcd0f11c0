import { flag, declareArgs, int, optional, withDefaults, type ArgsOf } from '../../../registry/args/index.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import type { PredictedImage } from '../../../contracts/runEvents.ts';
import { Hook } from '../hook.ts';

/** The arguments all loggers take. */
export const LOGGER_ARGS = declareArgs({
  interval: optional(int, 10, 'How often a record is written; log_config gives its own.', 'iterations'),
  ignore_last: optional(flag, true, 'Leave out the iterations after the last full interval of an epoch.'),
  reset_flag: optional(
    flag,
    false,
    "Clear the averages after logging; the runner's last logger always does.",
  ),
  by_epoch: optional(
    flag,
    true,
    'Count iterations from the start of the epoch; an IterBasedRunner says False.',
  ),
});

export type LoggerHookArgs = ArgsOf<typeof LOGGER_ARGS>;

const TAGS_TO_SKIP = ['time', 'data_time'];

/**
 * Base of the loggers: decides when to log. Source: mmcv 1.7.2 `hooks/logger/base.py`.
 */
export abstract class LoggerHook extends Hook {
  readonly interval: number;
  readonly ignoreLast: boolean;
  readonly byEpoch: boolean;
  resetFlag: boolean;

  constructor(args: LoggerHookArgs = {}) {
    super();
    const { interval, ignoreLast, resetFlag, byEpoch } = withDefaults(LOGGER_ARGS, args);
    this.interval = interval;
    this.ignoreLast = ignoreLast;
    this.resetFlag = resetFlag;
    this.byEpoch = byEpoch;
  }

  /** Write one record from `runner.logBuffer.output`. */
  abstract log(runner: BaseRunner): void | Promise<void>;

  /** `train` when the timer reported, else `val`; MMCV's rule. */
  getMode(runner: BaseRunner): 'train' | 'val' {
    return runner.mode === 'train' && runner.logBuffer.output.has('time') ? 'train' : 'val';
  }

  /** The epoch as people count it. */
  getEpoch(runner: BaseRunner): number {
    // In an evaluation after a training epoch, mode is still 'train' and the epoch not yet advanced.
    return runner.mode === 'train' ? runner.epoch + 1 : runner.epoch;
  }

  /** The iteration as people count it: inside the epoch with `inner`, else over the run. */
  getIter(runner: BaseRunner, inner = false): number {
    return this.byEpoch && inner ? runner.innerIter + 1 : runner.iter + 1;
  }

  /** Pictures with what an evaluation found in them; most loggers leave them out. */
  logPredictions(_runner: BaseRunner, _images: readonly PredictedImage[]): void | Promise<void> {}

  /**
   * What trackers get: the buffer's values but the times, each under its mode (`train/loss`), then `learning_rate` and
   * `momentum` of the first group.
   * @param allowText strings too, such as `bbox_mAP_copypaste`
   */
  getLoggableTags(runner: BaseRunner, allowText = false): Map<string, number | string> {
    const tags = new Map<string, number | string>();
    for (const [name, value] of runner.logBuffer.output) {
      if (TAGS_TO_SKIP.includes(name) || (typeof value === 'string' && !allowText)) continue;
      tags.set(`${this.getMode(runner)}/${name}`, value);
    }
    const [lr] = runner.currentLr();
    const [momentum] = runner.currentMomentum();
    if (lr !== undefined) tags.set('learning_rate', lr);
    if (momentum !== undefined) tags.set('momentum', momentum);
    return tags;
  }

  override beforeRun(runner: BaseRunner): void | Promise<void> {
    const loggers = runner.hooks.filter((hook) => hook instanceof LoggerHook);
    if (loggers.at(-1) === this) this.resetFlag = true;
  }

  override beforeEpoch(runner: BaseRunner): void {
    runner.logBuffer.clear();
  }

  /** True when a record is due after this training iteration. */
  isDue(runner: BaseRunner): boolean {
    const due = this.byEpoch
      ? this.everyNInnerIters(runner, this.interval)
      : this.everyNIters(runner, this.interval);
    return due || (this.endOfEpoch(runner) && !this.ignoreLast);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.isDue(runner)) {
      await runner.logBuffer.resolve();
      runner.logBuffer.average(this.interval);
    }
    if (!runner.logBuffer.ready) return;
    await this.log(runner);
    if (this.resetFlag) runner.logBuffer.clearOutput();
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (!runner.logBuffer.ready) return;
    await this.log(runner);
    if (this.resetFlag) runner.logBuffer.clearOutput();
  }

  override async afterValEpoch(runner: BaseRunner): Promise<void> {
    await runner.logBuffer.resolve();
    runner.logBuffer.average();
    await this.log(runner);
    if (this.resetFlag) runner.logBuffer.clearOutput();
  }
}
