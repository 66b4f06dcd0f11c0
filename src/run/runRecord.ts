import { maskSecretsIn } from '../util/secrets.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

export type RunRecordStatus = 'running' | 'finished' | 'stopped' | 'failed';

/** `run.json` in a work dir: what a run was, readable long after its worker is gone. */
export interface RunRecord {
  readonly version: 1;
  readonly configName: string;
  /** Path of the config the run was started from. */
  readonly configPath: string;
  /** A record that still says `running` without a living worker was interrupted. */
  readonly status: RunRecordStatus;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly classes: readonly string[];
  readonly itersPerEpoch: number;
  readonly maxEpochs: number;
  readonly maxIters: number;
  readonly adapter: string;
  readonly seed: number;
  readonly resumedFrom: string | null;
  /** Why it failed. */
  readonly message: string | null;
}

/** What a run's record says before anything of it is built. */
export const NEW_RECORD: Omit<RunRecord, 'configName' | 'configPath' | 'startedMs'> = {
  version: 1,
  status: 'running',
  endedMs: null,
  classes: [],
  itersPerEpoch: 0,
  maxEpochs: 0,
  maxIters: 0,
  adapter: '',
  seed: 0,
  resumedFrom: null,
  message: null,
};

export function runRecordPath(workDir: string): string {
  return `${workDir}/run.json`;
}

export async function writeRunRecord(fs: FileSystem, workDir: string, record: RunRecord): Promise<void> {
  await fs.writeFile(runRecordPath(workDir), `${JSON.stringify(maskSecretsIn(record), null, 2)}\n`);
}

/** @returns null when there is no record, or it can't be read. */
export async function readRunRecord(fs: FileSystem, workDir: string): Promise<RunRecord | null> {
  if (!(await fs.stat(runRecordPath(workDir)))) return null;
  try {
    const record: unknown = JSON.parse(await fs.readText(runRecordPath(workDir)));
    const isRecord =
      typeof record === 'object' && record !== null && 'status' in record && 'configPath' in record;
    return isRecord ? (record as RunRecord) : null;
  } catch {
    return null;
  }
}
