import type { FileSystem } from '../contracts/fileSystem.ts';
import { checkpointsOf } from './autoResume.ts';

/**
 * The checkpoint that is meant by a path: the file itself; of a work dir its newest best one (`best_bbox_mAP_epoch_9.pth`),
 * else its newest; of the folder above work dirs the same of the newest run that has one.
 * @returns the path as it is where there is none
 */
export async function testedCheckpoint(fs: FileSystem, path: string): Promise<string> {
  if ((await fs.stat(path))?.kind !== 'directory') return path;
  const runs = (await fs.list(path)).filter(({ kind }) => kind === 'directory');
  for (const folder of [path, ...runs.map(({ name }) => `${path}/${name}`).toReversed()]) {
    const found = (await bestOf(fs, folder)) ?? (await checkpointsOf(fs, folder)).at(0);
    if (found !== undefined) return found;
  }
  return path;
}

async function bestOf(fs: FileSystem, folder: string): Promise<string | undefined> {
  const found: { readonly path: string; readonly modifiedMs: number }[] = [];
  for (const { name } of await fs.list(folder)) {
    if (!/^best_.*\.pth$/.test(name)) continue;
    const path = `${folder}/${name}`;
    const stat = await fs.stat(path);
    if (stat?.kind === 'file') found.push({ path, modifiedMs: stat.modifiedMs });
  }
  return found.sort((a, b) => a.modifiedMs - b.modifiedMs).at(-1)?.path;
}
