import { joinPath } from '../../../storage/path.ts';
import type { FileSystem } from '../../../contracts/fileSystem.ts';

/**
 * Every file of a folder and its subfolders.
 * @param inside only what is below this part of the folder; '' for all
 * @returns paths inside `folder`
 */
export async function filesBelow(fs: FileSystem, folder: string, inside: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name, kind } of await fs.list(joinPath(folder, inside))) {
    const path = joinPath(inside, name);
    if (kind === 'file') names.push(path);
    else names.push(...(await filesBelow(fs, folder, path)));
  }
  return names;
}
