// Reads what runs left in their work dirs: `run.json`, `.log.json`, the text log, the checkpoints.

import { readRunRecord, type RunRecord } from '../run/runRecord.ts';
import { StorageError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { orderedMeasures, readMeasures, type MeasuresByPlace } from './measureLog.ts';
import type { CheckpointInfo, RunHistory, RunSummary } from './protocol.ts';

const WORK_DIRS = 'work_dirs';
/** How deep below work_dirs a run may lie: `<config>/<timestamp>`, with room for a nested `work_dir`. */
const MAX_DEPTH = 4;
const LOG_TAIL_BYTES = 400_000;

/** Every run on disk, newest first. A run that says `running` but isn't `activeWorkDir` was interrupted. */
export async function listRuns(fs: FileSystem, activeWorkDir: string | null): Promise<RunSummary[]> {
  const runs = await collect(fs, WORK_DIRS, activeWorkDir, MAX_DEPTH);
  return runs.sort((a, b) => b.startedMs - a.startedMs);
}

async function collect(
  fs: FileSystem,
  folder: string,
  active: string | null,
  depth: number,
): Promise<RunSummary[]> {
  const record = await readRunRecord(fs, folder);
  if (record) return [await summarize(fs, folder, record, active)];
  if (depth === 0) return [];
  const entries = (await fs.list(folder)).filter((entry) => entry.kind === 'directory');
  const found = [];
  for (const { name } of entries) found.push(...(await collect(fs, `${folder}/${name}`, active, depth - 1)));
  return found;
}

async function summarize(
  fs: FileSystem,
  workDir: string,
  record: RunRecord,
  active: string | null,
): Promise<RunSummary> {
  const { configName, configPath, status, startedMs, endedMs, message } = record;
  const isCutOff = status === 'running' && workDir !== active;
  return {
    workDir,
    configName,
    configPath,
    status: isCutOff ? 'interrupted' : status,
    startedMs,
    endedMs,
    message,
    checkpoints: await listCheckpoints(fs, workDir, record.itersPerEpoch),
  };
}

/** The `.pth` files of a folder, oldest first. `latest.pth` is a copy of another and left out. */
async function listCheckpoints(
  fs: FileSystem,
  workDir: string,
  itersPerEpoch: number,
): Promise<CheckpointInfo[]> {
  const found: CheckpointInfo[] = [];
  for (const { name, kind } of await fs.list(workDir)) {
    if (kind !== 'file' || !name.endsWith('.pth') || name === 'latest.pth') continue;
    const path = `${workDir}/${name}`;
    const stat = await fs.stat(path);
    if (!stat) continue;
    const [, unit, digits] = /(epoch|iter)_(\d+)\.pth$/.exec(name) ?? [];
    const number = digits === undefined ? null : Number(digits);
    found.push({
      path,
      bytes: stat.bytes,
      modifiedMs: stat.modifiedMs,
      epoch: unit === 'epoch' ? number : null,
      iter: unit === 'epoch' && number !== null ? number * itersPerEpoch : number,
    });
  }
  return found.sort((a, b) => a.modifiedMs - b.modifiedMs);
}

/** @throws StorageError `not-found` when the folder holds no run */
export async function readRun(
  fs: FileSystem,
  workDir: string,
  activeWorkDir: string | null,
): Promise<RunHistory> {
  const record = await readRunRecord(fs, workDir);
  if (!record) throw new StorageError(`${workDir} holds no run`, { code: 'not-found', path: workDir });
  const names = (await fs.list(workDir)).filter((e) => e.kind === 'file').map((e) => e.name);
  const measures: MeasuresByPlace = new Map();
  const log: string[] = [];
  // A resumed run adds files beside the first ones; their names are timestamps, so sorted by time.
  for (const name of names) {
    const path = `${workDir}/${name}`;
    if (name.endsWith('.log.json')) await readMeasures(fs, path, record.itersPerEpoch, measures);
    else if (name.endsWith('.log')) log.push(...(await readTail(fs, path)));
  }
  return {
    summary: await summarize(fs, workDir, record, activeWorkDir),
    measures: orderedMeasures(measures),
    log,
    itersPerEpoch: record.itersPerEpoch,
    maxEpochs: record.maxEpochs,
    maxIters: record.maxIters,
    classes: record.classes,
  };
}

async function readTail(fs: FileSystem, path: string): Promise<string[]> {
  const bytes = (await fs.stat(path))?.bytes ?? 0;
  const start = Math.max(0, bytes - LOG_TAIL_BYTES);
  const lines = new TextDecoder()
    .decode(await fs.readRange(path, start, bytes))
    .trimEnd()
    .split('\n');
  // The first line of a tail is a part of one.
  return start > 0 ? lines.slice(1) : lines;
}
