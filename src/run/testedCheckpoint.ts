import type { FileSystem } from '../contracts/fileSystem.ts';
import { bestCheckpointsOf, checkpointsOf } from '../runner/foundCheckpoints.ts';

/**
 * The checkpoint that is meant by a path: the file itself; of a work dir its newest best one (`best_bbox_mAP_epoch_9.pth`),
 * else its newest; of the folder above work dirs the same of the newest run that has one.
 * @returns the path as it is where there is none
 */
export async function testedCheckpoint(fs: FileSystem, path: string): Promise<string> {
  if ((await fs.stat(path))?.kind !== 'directory') return path;
  const runs = (await fs.list(path)).filter(({ kind }) => kind === 'directory');
  for (const folder of [path, ...runs.map(({ name }) => `${path}/${name}`).toReversed()]) {
    const found = (await bestCheckpointsOf(fs, folder)).at(0) ?? (await checkpointsOf(fs, folder)).at(0);
    if (found !== undefined) return found;
  }
  return path;
}
