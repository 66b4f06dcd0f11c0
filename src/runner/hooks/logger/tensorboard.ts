import {
  declareArgs,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
} from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { HOOKS } from '../../../registry/registries.ts';
import { encodePng, encodeRecords, FILE_VERSION, type TfEvent } from '../../../serialization/index.ts';
import type { PredictedImage } from '../../../contracts/runEvents.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { LOGGER_ARGS, LoggerHook } from './base.ts';
import { drawPredictions } from './drawPredictions.ts';
import { DiskGuard } from './tellWarning.ts';

/** Stand for the machine's name and the process in a file's name; a tab has neither. */
const HOST = 'tabtrain';
const PID = 0;

const ARGS = declareArgs({
  log_dir: optional(orNone(str), null, 'Folder of the event files; None: tf_logs in the work dir.'),
  ...LOGGER_ARGS.table,
});

/**
 * Writes TensorBoard's event files: a scalar per value (`train/loss`, `val/bbox_mAP`, `learning_rate`, `momentum`) at
 * the iteration over the whole run, strings as texts, and the pictures of each evaluation with their boxes.
 * Each record is appended whole: a crash cuts at most the last one, which TensorBoard then skips. A disk that fails is
 * told once and never stops the training.
 * Source: mmcv 1.7.2 `hooks/logger/tensorboard.py`. Differs: pictures (MMCV writes none).
 */
export class TensorboardLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = ARGS;
  readonly #logDir: string | null;
  readonly #nowMs: () => number;
  #path: string | null = null;
  readonly #disk = new DiskGuard("TensorBoard's event file ends here: it");

  constructor(args: ArgsOf<typeof ARGS> = {}, _context?: BuildContext, nowMs: () => number = Date.now) {
    super(args);
    this.#logDir = withDefaults(ARGS, args).logDir;
    this.#nowMs = nowMs;
  }

  /** The run's event file; null before the run. */
  get path(): string | null {
    return this.#path;
  }

  override async beforeRun(runner: BaseRunner): Promise<void> {
    await super.beforeRun(runner);
    const seconds = String(Math.floor(this.#nowMs() / 1000)).padStart(10, '0');
    const stem = `${this.#logDir ?? `${runner.workDir}/tf_logs`}/events.out.tfevents.${seconds}.${HOST}.${PID}`;
    let counter = 0;
    while (await runner.fs.stat(`${stem}.${counter}`)) counter += 1;
    this.#path = `${stem}.${counter}`;
    await this.#append(runner, [{ wallTimeS: this.#nowMs() / 1000, fileVersion: FILE_VERSION }]);
  }

  override async log(runner: BaseRunner): Promise<void> {
    const wallTimeS = this.#nowMs() / 1000;
    const step = this.getIter(runner);
    const events = [...this.getLoggableTags(runner, true)].map(([tag, value]): TfEvent => {
      const isText = typeof value === 'string';
      return {
        wallTimeS,
        step,
        value: isText ? { kind: 'text', tag, text: value } : { kind: 'scalar', tag, value },
      };
    });
    await this.#append(runner, events);
  }

  override async logPredictions(runner: BaseRunner, images: readonly PredictedImage[]): Promise<void> {
    const wallTimeS = this.#nowMs() / 1000;
    const step = this.getIter(runner);
    const events = images.map((image): TfEvent => {
      const { name, width, height } = image;
      const png = encodePng(drawPredictions(image), width, height);
      return { wallTimeS, step, value: { kind: 'image', tag: `predictions/${name}`, width, height, png } };
    });
    await this.#append(runner, events);
  }

  /** Nothing is left to write: every record is in the file already. */
  override afterRun(): void {}

  async #append(runner: BaseRunner, events: readonly TfEvent[]): Promise<void> {
    const path = this.#path;
    // What follows a record that may be cut could not be read.
    if (path === null || this.#disk.hasFailed || events.length === 0) return;
    await this.#disk.run(runner, () => runner.fs.appendFile(path, encodeRecords(events)));
  }
}

HOOKS.registerModule()(TensorboardLoggerHook);
