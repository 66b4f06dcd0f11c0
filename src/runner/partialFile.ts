import type { FileSystem } from '../contracts/fileSystem.ts';

/** Under this name a checkpoint lies until it has been read back. */
export function partialName(filename: string): string {
  return `.${filename}.partial`;
}

/**
 * Delete what killed runs left half-written in a folder. The caller holds the folder's lock.
 * @param untouchedMs spares what was written to since
 */
export async function sweepPartials(fs: FileSystem, folder: string, untouchedMs = 0): Promise<void> {
  if ((await fs.stat(folder))?.kind !== 'directory') return;
  for (const { name, kind } of await fs.list(folder)) {
    if (kind !== 'file' || !/^\..+\.partial$/.test(name)) continue;
    const path = `${folder}/${name}`;
    if (((await fs.stat(path))?.modifiedMs ?? 0) <= Date.now() - untouchedMs) await fs.remove(path);
  }
}
