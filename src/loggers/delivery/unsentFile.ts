import { isDict } from '../../lang/plain.ts';
import { joinPath } from '../../storage/path.ts';
import type { FileSystem } from '../../contracts/fileSystem.ts';

/** The services that records are sent to. */
export type TrackingService = 'wandb' | 'mlflow';

/** What a service needs to know of a run to find it again. */
export interface TrackedRunSettings {
  /** Names the run: W&B's run id, or our own mark. */
  readonly key: string;
}

/** The first line of a file of unsent records: whose they are. It holds no credentials. */
export interface TrackedRun {
  readonly kind: 'run';
  readonly service: TrackingService;
  readonly settings: TrackedRunSettings;
}

export interface UnsentFile<T> {
  readonly run: TrackedRun;
  /** Oldest first. */
  readonly records: T[];
}

/** Where the loggers of a run leave what they could not deliver. */
export function unsentFolder(workDir: string): string {
  return joinPath(workDir, 'unsent');
}

/**
 * Read a file of unsent records whole.
 * @returns null when there is none, or its first line does not say whose they are; lines from a damaged one on are left out
 */
export async function readUnsentFile<T>(fs: FileSystem, path: string): Promise<UnsentFile<T> | null> {
  if ((await fs.stat(path))?.kind !== 'file') return null;
  const [first = '', ...lines] = (await fs.readText(path)).split('\n');
  const [run] = fromLines(first) ?? [];
  if (!isTrackedRun(run)) return null;
  const records: T[] = [];
  for (const line of lines) {
    const [record] = fromLines<T>(line) ?? [];
    // A crash cuts the last line at most.
    if (record === undefined) break;
    records.push(record);
  }
  return { run, records };
}

/** One line of JSON per value. */
export function toLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** @returns null when a line is no JSON */
export function fromLines<T>(text: string): T[] | null {
  const lines = text.split('\n').filter((line) => line !== '');
  try {
    return lines.map((line) => JSON.parse(line) as T);
  } catch {
    return null;
  }
}

function isTrackedRun(value: unknown): value is TrackedRun {
  if (!isDict(value) || value.kind !== 'run' || !isDict(value.settings)) return false;
  return (value.service === 'wandb' || value.service === 'mlflow') && typeof value.settings.key === 'string';
}
