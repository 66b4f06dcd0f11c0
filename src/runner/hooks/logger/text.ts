import { pyFixed, pyRound } from '../../../evaluation/pyFormat.ts';
import { exponential } from '../../../lang/format.ts';
import {
  declareArgs,
  flag,
  dict,
  int,
  oneOrMore,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
} from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import { HOOKS } from '../../../registry/registries.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { LOGGER_ARGS, LoggerHook } from './base.ts';
import { DiskGuard } from './tellWarning.ts';

type LogValue = number | string;

const ARGS = declareArgs({
  ...LOGGER_ARGS.table,
  interval_exp_name: optional(int, 1000, 'How often the experiment is named.', 'iterations'),
  out_dir: optional(
    orNone(str),
    null,
    "Another folder that gets a copy of the logs when the run is done; the work dir's last part is appended.",
  ),
  out_suffix: optional(oneOrMore(str), ['.log.json', '.log', '.py'], 'Ends of the names that are copied.'),
  keep_local: optional(flag, true, 'False: only the copies stay.'),
  file_client_args: optional(orNone(dict), null, 'Without effect: logs go to the storage of the work dir.'),
});

/**
 * Writes the lines people know from MMDetection, and one JSON object per record to `<timestamp>.log.json`.
 * Source: mmcv 1.7.2 `hooks/logger/text.py`.
 *
 * @example
 * // Epoch [1][10/37]	lr: 1.000e-03, eta: 0:00:42, time: 0.120, data_time: 0.010, loss: 1.2345
 */
export class TextLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = ARGS;
  readonly #intervalExpName: number;
  readonly #outDir: string | null;
  readonly #outSuffix: readonly string[];
  readonly #keepLocal: boolean;
  readonly #disk = new DiskGuard('the JSON log');
  #timeSecTotal = 0;
  #startIter = 0;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super(args);
    const all = withDefaults(ARGS, args);
    this.#intervalExpName = all.intervalExpName;
    this.#outDir = all.outDir;
    this.#outSuffix = [all.outSuffix].flat();
    this.#keepLocal = all.keepLocal;
  }

  /** The path of the JSON log. */
  static jsonLogPath(runner: BaseRunner): string {
    return `${runner.workDir}/${runner.timestamp}.log.json`;
  }

  override async beforeRun(runner: BaseRunner): Promise<void> {
    await super.beforeRun(runner);
    this.#startIter = runner.iter;
    const { tabtrain: _own, ...meta } = runner.meta;
    await this.#append(runner, pythonJson(meta));
  }

  override async afterRun(runner: BaseRunner): Promise<void> {
    const outDir = this.#outDir;
    if (outDir === null) return;
    await runner.logger.flush();
    const folder = `${outDir}/${runner.workDir.split('/').at(-1) ?? ''}`;
    await new DiskGuard(`the copies of the logs in ${folder}`).run(runner, () =>
      this.#copyLogs(runner, folder),
    );
  }

  async #copyLogs({ fs, workDir }: BaseRunner, folder: string): Promise<void> {
    for (const { name, kind } of await fs.list(workDir)) {
      if (kind !== 'file' || !this.#outSuffix.some((suffix) => name.endsWith(suffix))) continue;
      await fs.writeFile(`${folder}/${name}`, await fs.readFile(`${workDir}/${name}`));
      if (!this.#keepLocal) await fs.remove(`${workDir}/${name}`);
    }
  }

  override async log(runner: BaseRunner): Promise<void> {
    const mode = this.getMode(runner);
    const { output } = runner.logBuffer;
    const evalIterNum = output.get('eval_iter_num');
    // After an evaluation the iteration shown is the number of validation batches.
    const iter = typeof evalIterNum === 'number' ? evalIterNum : this.getIter(runner, true);
    output.delete('eval_iter_num');
    const record: Record<string, LogValue> = { mode, epoch: this.getEpoch(runner), iter };
    const lr = runner.currentLr().at(0);
    if (lr !== undefined) record.lr = lr;
    for (const [key, value] of output) record[key] = value;
    if (this.#expNameDue(runner)) runner.logger.info(`Exp name: ${String(runner.meta.exp_name)}`);
    runner.logger.info(this.#line(runner, record));
    const rounded = Object.fromEntries(Object.entries(record).map(([k, v]) => [k, roundFloat(k, v)]));
    await this.#append(runner, pythonJson(rounded));
  }

  async #append(runner: BaseRunner, line: string): Promise<void> {
    const path = TextLoggerHook.jsonLogPath(runner);
    await this.#disk.run(runner, () => runner.fs.appendFile(path, `${line}\n`));
  }

  #expNameDue(runner: BaseRunner): boolean {
    if (runner.meta.exp_name === undefined) return false;
    return this.everyNIters(runner, this.#intervalExpName) || (this.byEpoch && this.endOfEpoch(runner));
  }

  #line(runner: BaseRunner, record: Readonly<Record<string, LogValue>>): string {
    const { mode, epoch, iter, lr, ...values } = record;
    const parts: string[] = [];
    let head: string;
    if (mode === 'train') {
      head = this.byEpoch
        ? `Epoch [${epoch}][${iter}/${runner.dataLoader?.length}]`
        : `Iter [${iter}/${runner.maxIters}]`;
      head += `\tlr: ${exponential(Number(lr), 3)}, `;
      if (typeof values.time === 'number') {
        this.#timeSecTotal += values.time * this.interval;
        const done = runner.iter - this.#startIter + 1;
        const etaS = (this.#timeSecTotal / done) * ((runner.maxIters ?? 0) - runner.iter - 1);
        head += `eta: ${formatDuration(etaS)}, time: ${pyFixed(values.time, 3)}, data_time: ${pyFixed(Number(values.data_time ?? 0), 3)}, `;
      }
    } else {
      head = this.byEpoch ? `Epoch(${mode}) [${epoch}][${iter}]\t` : `Iter(${mode}) [${iter}]\t`;
    }
    for (const [key, value] of Object.entries(values)) {
      if (key === 'time' || key === 'data_time') continue;
      parts.push(`${key}: ${typeof value === 'number' ? pyFixed(value, 4) : value}`);
    }
    return head + parts.join(', ');
  }
}

HOOKS.registerModule()(TextLoggerHook);

/** `round(value, 5)`: a learning rate is Python's float; averages are NumPy's, whose round scales, and ties go to even. */
function roundFloat(key: string, value: LogValue): LogValue {
  if (typeof value !== 'number' || !Number.isFinite(value)) return value;
  if (key === 'lr') return pyRound(value, 5);
  const scaled = value * 1e5;
  const below = Math.floor(scaled);
  if (scaled - below !== 0.5) return Math.round(scaled) / 1e5;
  return (below % 2 === 0 ? below : below + 1) / 1e5;
}

/** JSON as Python's json.dumps spells it: a NaN stays a NaN instead of becoming null, and text is ASCII. */
function pythonJson(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return pythonFloat(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return asciiJson(value);
  const known = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{${known.map(([key, entry]) => `${asciiJson(key)}: ${pythonJson(entry)}`).join(', ')}}`;
}

function asciiJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function pythonFloat(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** Python's str(timedelta(seconds=int(s))). */
function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.trunc(seconds));
  const days = Math.floor(s / 86400);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${Math.floor((s % 86400) / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return days === 0 ? clock : `${days} day${days > 1 ? 's' : ''}, ${clock}`;
}
