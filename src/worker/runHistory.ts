// Reads what runs left in their work dirs: `run.json`, `.log.json`, the text log, the checkpoints.

import { readRunRecord, type RunRecord } from '../run/runRecord.ts';
import { StorageError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { CheckpointInfo, Measure, RunHistory, RunSummary } from './protocol.ts';

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
  const measures: Measure[] = [];
  const log: string[] = [];
  // A resumed run adds files beside the first ones; their names are timestamps, so sorted by time.
  for (const name of names) {
    const path = `${workDir}/${name}`;
    if (name.endsWith('.log.json'))
      measures.push(...parseLogJson(await fs.readText(path), record.itersPerEpoch));
    else if (name.endsWith('.log')) log.push(...(await readTail(fs, path)));
  }
  return {
    summary: await summarize(fs, workDir, record, activeWorkDir),
    measures: latestOnly(measures),
    log,
    itersPerEpoch: record.itersPerEpoch,
    maxEpochs: record.maxEpochs,
    maxIters: record.maxIters,
    classes: record.classes,
  };
}

/**
 * Read MMCV's `.log.json`: one object per line, the first without a mode. Iterations are counted over the run here.
 * @example parseLogJson('{"mode": "train", "epoch": 2, "iter": 10, "loss": 0.5}', 50)
 * // [{ mode: 'train', epoch: 2, iter: 60, values: { loss: 0.5 } }]
 */
export function parseLogJson(text: string, itersPerEpoch: number): Measure[] {
  const measures: Measure[] = [];
  for (const line of text.split('\n')) {
    const record = parseRecord(line);
    if (!record) continue;
    const { mode, epoch, iter, ...rest } = record;
    if ((mode !== 'train' && mode !== 'val') || typeof epoch !== 'number' || typeof iter !== 'number')
      continue;
    const values: Record<string, number> = {};
    for (const [key, value] of Object.entries(rest)) if (typeof value === 'number') values[key] = value;
    // The `iter` of a val record is the number of validation batches.
    const overall = mode === 'val' ? epoch * itersPerEpoch : (epoch - 1) * itersPerEpoch + iter;
    measures.push({ mode, epoch, iter: overall, values });
  }
  return measures;
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (line.trim() === '') return null;
  try {
    // Python writes NaN and Infinity, which JSON does not know. A line cut off by a crash is left out.
    const value: unknown = JSON.parse(line.replace(/: (NaN|-?Infinity)(?=[,}])/g, ': null'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Where a resumed run went over the same iterations again, what it measured last counts. */
function latestOnly(measures: readonly Measure[]): Measure[] {
  const byPlace = new Map<string, Measure>();
  for (const measure of measures) byPlace.set(`${measure.mode} ${measure.iter}`, measure);
  return [...byPlace.values()].sort((a, b) => a.iter - b.iter);
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
