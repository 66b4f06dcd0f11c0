// Runs a config as a person's tab would, in node: shipped configs and the person's files in a memory file system.

import { readFileSync } from 'node:fs';
import { RunControl } from '../../runner/runControl.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { FileSystem } from '../../contracts/fileSystem.ts';
import type { RunEvent } from '../../contracts/runEvents.ts';
import { train } from '../train.ts';
import type { TrainJob } from '../trainJob.ts';

const SHIPPED = [
  'configs/_base_/default_runtime.py',
  'configs/shapes/retinanet_tiny_shapes.py',
  'configs/learn/short_run.py',
];

export interface ShortRun {
  readonly workDir: string;
  readonly fs: FileSystem;
  readonly log: string;
  readonly events: readonly RunEvent[];
}

/** @returns the text of a file of the repository */
export function shipped(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

/** A workspace with the shipped configs that `files`, by their path in the workspace, are added to. */
export function workspaceWith(files: Readonly<Record<string, string>>): FileSystem {
  const all = { ...Object.fromEntries(SHIPPED.map((path) => [path, shipped(path)])), ...files };
  const entries = Object.entries(all).map(([path, text]) => [`workspace/${path}`, text]);
  return createMemoryFs(Object.fromEntries(entries) as Record<string, string>);
}

/** Train a config of `files` to its end. @throws what the run throws */
export async function shortRun(
  configPath: string,
  files: Readonly<Record<string, string>>,
  host: Pick<TrainJob, 'createSampleSource'> = {},
): Promise<ShortRun> {
  const fs = workspaceWith(files);
  const events: RunEvent[] = [];
  const { workDir } = await train({
    ...host,
    configPath: `workspace/${configPath}`,
    fs,
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    control: new RunControl(),
    onEvent: (event) => void events.push(event),
  });
  const log = events.map((event) => (event.name === 'run.logged' ? event.line : '')).join('\n');
  return { workDir, fs, log, events };
}
