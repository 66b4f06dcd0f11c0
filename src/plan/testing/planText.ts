// Plans a config that inherits the shipped one, in node, without a GPU.

import { readFileSync } from 'node:fs';
import type { FileSystem } from '../../contracts/fileSystem.ts';
import type { Plan } from '../../contracts/plan.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { AssembleOptions } from '../assemble.ts';
import type { PlanJob } from '../parts.ts';
import { planRun } from '../plan.ts';

const SHAPES = 'configs/shapes/retinanet_tiny_shapes.py';
const RUNTIME = 'configs/_base_/default_runtime.py';
/** Of a text, in the workspace. */
export const PLANNED = 'workspace/configs/shapes/mine.py';

/** @returns the text of a file of the repository */
export function shipped(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

/** A workspace with a config that inherits the shipped one: line 1 says so, `text` begins at line 2. */
export function workspaceOf(text: string, files: Readonly<Record<string, string>> = {}): FileSystem {
  return createMemoryFs({
    [`workspace/${SHAPES}`]: shipped(SHAPES),
    [`workspace/${RUNTIME}`]: shipped(RUNTIME),
    [PLANNED]: `_base_ = './retinanet_tiny_shapes.py'\n${text}`,
    ...files,
  });
}

/** The plan of such a config. @param files by their path, besides */
export function planText(
  text: string,
  files: Readonly<Record<string, string>> = {},
  { purpose, ...options }: AssembleOptions & Pick<PlanJob, 'purpose'> = {},
): Promise<Plan> {
  return planRun(jobOf(text, files, purpose), options);
}

/** What to plan: such a config. */
export function jobOf(
  text: string,
  files: Readonly<Record<string, string>> = {},
  purpose?: PlanJob['purpose'],
): PlanJob {
  const decodeImage = () => Promise.reject(new Error('no pictures here'));
  return { fs: workspaceOf(text, files), decodeImage, configPath: PLANNED, purpose };
}
