import { isDict } from '../../../lang/plain.ts';
import { floatRepr } from '../../../lang/repr.ts';
import {
  absent,
  anything,
  declareArgs,
  flag,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
} from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import { snakeToCamel } from '../../../registry/argNames.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { HOOKS } from '../../../registry/registries.ts';
import { joinPath, splitPath } from '../../../storage/path.ts';
import type { FileSystem } from '../../../contracts/fileSystem.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { saveCheckpoint, type StatefulModel } from '../../checkpoint.ts';
import type { HookState } from '../hook.ts';
import { LOGGER_ARGS, LoggerHook } from './base.ts';
import { filesBelow } from './filesBelow.ts';
import { DiskGuard } from './tellWarning.ts';

/** Arguments of `dvclive.Live` for what only its own library does: Git experiments, reports, system metrics. */
const ignored = absent(anything, 'Without effect here.');
const WITHOUT_EFFECT = {
  dvclive: ignored,
  report: ignored,
  save_dvc_exp: ignored,
  dvcyaml: ignored,
  cache_images: ignored,
  exp_name: ignored,
  exp_message: ignored,
  monitor_system: ignored,
};

const TABLES = 'plots/metrics';
const SUMMARY = 'metrics.json';

type Summary = { [name: string]: number | Summary };

const ARGS = declareArgs({
  model_file: optional(orNone(str), null, 'Where the model is saved after each epoch; None: nowhere.'),
  ...LOGGER_ARGS.table,
  dir: optional(orNone(str), null, "Folder of DVCLive's files; None: dvclive in the work dir."),
  resume: optional(flag, false, 'Keep what an earlier run left in the folder.'),
  ...WITHOUT_EFFECT,
});

/**
 * Writes the files of DVCLive, which `dvc plots` and `dvc metrics` show: a table per metric
 * (`plots/metrics/train/loss.tsv`, with `step` and the value) and the latest values (`metrics.json`). A resumed run goes
 * on with them as they were at its checkpoint.
 * Source: mmcv 1.7.2 `hooks/logger/dvclive.py`; dvc.org, "DVCLive: How it works". Differs: the folder lies in the work
 * dir; no `dvc.yaml`, no Git experiment, no report.
 */
export class DvcliveLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = ARGS;
  readonly #modelFile: string | null;
  readonly #dir: string | null;
  readonly #resume: boolean;
  readonly #disk = new DiskGuard("DVCLive's files");
  #folder = '';
  #summary: Summary = {};
  /** Bytes of each table, by its path in the folder. */
  #tables: Readonly<Record<string, number>> = {};
  #isRestored = false;

  constructor(args: ArgsOf<typeof ARGS> = {}, context?: BuildContext) {
    super(args);
    const all = withDefaults(ARGS, args);
    this.#modelFile = all.modelFile;
    this.#dir = all.dir;
    this.#resume = all.resume;
    const values: Readonly<Record<string, unknown>> = args;
    const ignored = Object.keys(WITHOUT_EFFECT).filter((name) => {
      const value = values[snakeToCamel(name)];
      return value !== undefined && value !== null && value !== false;
    });
    if (ignored.length > 0)
      context?.services.warn(`DvcliveLoggerHook: no effect here: ${ignored.join(', ')}`);
  }

  override async beforeRun(runner: BaseRunner): Promise<void> {
    await super.beforeRun(runner);
    this.#folder = this.#dir ?? `${runner.workDir}/dvclive`;
    await this.#disk.run(runner, async () => {
      if (this.#isRestored) await this.#cut(runner.fs);
      // Live() clears what an earlier run left, unless it is told to go on; a resumed run always does.
      else if (this.#resume || runner.iter > 0) this.#summary = await this.#readSummary(runner.fs);
      else {
        await runner.fs.remove(this.#pathOf(TABLES));
        await runner.fs.remove(this.#pathOf(SUMMARY));
      }
    });
  }

  override stateDict(): HookState {
    return { tables: { ...this.#tables }, summary: structuredClone(this.#summary) };
  }

  override loadStateDict({ tables, summary }: HookState): void {
    this.#tables = tables as Record<string, number>;
    this.#summary = summary as Summary;
    this.#isRestored = true;
  }

  override async log(runner: BaseRunner): Promise<void> {
    const step = this.getIter(runner);
    await this.#disk.run(runner, async () => {
      for (const [tag, value] of this.getLoggableTags(runner)) {
        if (typeof value !== 'number') continue;
        setNested(this.#summary, tag.split('/'), value);
        await this.#addRow(runner.fs, tag, `${step}\t${floatRepr(value)}\n`);
      }
      this.#summary.step = step;
      await runner.fs.writeFile(this.#pathOf(SUMMARY), toPythonJson(this.#summary));
    });
  }

  async #addRow(fs: FileSystem, tag: string, row: string): Promise<void> {
    const table = `${TABLES}/${tag}.tsv`;
    const path = this.#pathOf(table);
    const bytes = (await fs.stat(path))?.bytes ?? 0;
    const text = bytes > 0 ? row : `step\t${tag.split('/').at(-1)}\n${row}`;
    await fs.appendFile(path, text);
    this.#tables = { ...this.#tables, [table]: bytes + new TextEncoder().encode(text).length };
  }

  /** Take back what was written behind the checkpoint: it is written again. */
  async #cut(fs: FileSystem): Promise<void> {
    const kept: Record<string, number> = {};
    for (const table of await filesBelow(fs, this.#folder, TABLES)) {
      const path = this.#pathOf(table);
      const bytes = (await fs.stat(path))?.bytes ?? 0;
      const saved = this.#tables[table] ?? 0;
      if (saved === 0) await fs.remove(path);
      else if (bytes > saved) await fs.writeFile(path, await fs.readRange(path, 0, saved));
      if (saved > 0) kept[table] = Math.min(bytes, saved);
    }
    this.#tables = kept;
  }

  async #readSummary(fs: FileSystem): Promise<Summary> {
    const path = this.#pathOf(SUMMARY);
    return (await fs.stat(path)) ? readPythonJson(await fs.readText(path)) : {};
  }

  #pathOf(file: string): string {
    return `${this.#folder}/${file}`;
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    await super.afterTrainEpoch(runner);
    if (this.#modelFile === null) return;
    const { dir, name } = splitPath(joinPath('', this.#modelFile));
    await saveCheckpoint(runner, runner.model as RunnerModel, {
      filename: name,
      outDir: dir === '' ? '.' : dir,
      saveOptimizer: true,
      position: { epoch: runner.epoch + 1, iter: runner.iter, innerIter: 0 },
      writer: { stage: 'afterTrainEpoch', hook: this },
      link: false,
    });
  }
}

type RunnerModel = BaseRunner['model'] & StatefulModel;

HOOKS.registerModule()(DvcliveLoggerHook);

function setNested(summary: Summary, [name = '', ...rest]: readonly string[], value: number): void {
  if (rest.length === 0) {
    summary[name] = value;
    return;
  }
  const inner = summary[name];
  const next = typeof inner === 'object' ? inner : {};
  summary[name] = next;
  setNested(next, rest, value);
}

/** As `json.dump(…, indent=4)` writes it, with NaN and Infinity. */
function toPythonJson(value: number | Summary, indent = ''): string {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return JSON.stringify(value);
    return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  }
  const inner = `${indent}    `;
  const fields = Object.entries(value).map(
    ([name, v]) => `${inner}${JSON.stringify(name)}: ${toPythonJson(v, inner)}`,
  );
  return `{\n${fields.join(',\n')}\n${indent}}`;
}

/** @returns empty for what is no such file */
function readPythonJson(text: string): Summary {
  try {
    const value: unknown = JSON.parse(
      text.replace(/: (NaN|-?Infinity)(?=[,\n])/g, ': "$1"'),
      (_, field: unknown) => (typeof field === 'string' ? Number(field) : field),
    );
    return isDict(value) ? (value as Summary) : {};
  } catch {
    return {};
  }
}
