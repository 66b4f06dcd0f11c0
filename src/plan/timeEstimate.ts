// How long an iteration takes: as long as it took in the newest run of the same work that is recorded here.

import { compatCfg, configTextReader, loadConfig, replaceCfgVals, type ConfigDict } from '../config/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { StorageError, TrainerError } from '../errors/trainerError.ts';
import { batchSizeOf, dataOf } from './loaders.ts';
import { runsFolderOf, type RunConfig } from './runConfig.ts';

/** The newest runs of a config that are looked at. */
const MAX_RUNS = 5;
/** Of a log's end: some hundred records. */
const READ_BYTES = 1 << 16;

export interface TimeEstimate {
  readonly secondsPerIter: number;
  /** The work dir of the run that took so long. */
  readonly timedBy: string;
}

/**
 * The time an iteration took in the newest run with the same model, batch size, training data and precision.
 * @returns null where there was none that logged a time
 */
export async function estimateTime(fs: FileSystem, config: RunConfig): Promise<TimeEstimate | null> {
  for (const timedBy of await newestRuns(fs, runsFolderOf(config))) {
    try {
      if ((await workOfRun(fs, timedBy, config.name)) !== workOf(config.dict)) continue;
      const secondsPerIter = await loggedTime(fs, timedBy);
      if (secondsPerIter !== null) return { secondsPerIter, timedBy };
    } catch (error) {
      // A run whose files can't be read any more tells nothing about this one.
      if (!(error instanceof TrainerError)) throw error;
    }
  }
  return null;
}

/** None in a folder that can't be read. */
async function newestRuns(fs: FileSystem, folder: string): Promise<string[]> {
  try {
    const names = (await fs.list(folder)).filter(({ name, kind }) => kind === 'directory' && isRun(name));
    return names
      .slice(-MAX_RUNS)
      .map(({ name }) => `${folder}/${name}`)
      .reverse();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return [];
  }
}

/** `%Y%m%d_%H%M%S` */
function isRun(name: string): boolean {
  return /^\d{8}_\d{6}/.test(name);
}

/** What decides how long an iteration takes. */
function workOf(dict: ConfigDict): string {
  const { model, fp16 = null } = dict;
  const data = dataOf(dict);
  return JSON.stringify([model, batchSizeOf(data, true), data.train, fp16]);
}

/** The same of the config that a run has kept; null where it kept none. */
async function workOfRun(fs: FileSystem, workDir: string, name: string): Promise<string | null> {
  const path = `${workDir}/${name}.py`;
  if ((await fs.stat(path))?.kind !== 'file') return null;
  const { config } = await loadConfig(path, configTextReader(fs));
  return config && workOf(compatCfg(replaceCfgVals(config.dict)).dict);
}

/** The median of the times that the run's newest log ends with, in seconds per iteration. */
async function loggedTime(fs: FileSystem, workDir: string): Promise<number | null> {
  const log = (await fs.list(workDir)).filter(({ name }) => name.endsWith('.log.json')).at(-1);
  if (!log) return null;
  const path = `${workDir}/${log.name}`;
  const bytes = (await fs.stat(path))?.bytes ?? 0;
  const end = new TextDecoder().decode(await fs.readRange(path, Math.max(0, bytes - READ_BYTES), bytes));
  const times = end
    .split('\n')
    .filter((line) => line.includes('"mode": "train"'))
    .flatMap((line) => Number(/"time": ([\d.e+-]+)/.exec(line)?.[1] ?? NaN))
    .filter((time) => time > 0)
    .sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) / 2)] ?? null;
}
