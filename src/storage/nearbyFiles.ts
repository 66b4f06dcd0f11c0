import type { FileSystem } from '../contracts/fileSystem.ts';
import { firstOf } from '../util/firstOf.ts';
import { nearest } from '../util/nearest.ts';

const SHOWN_NAMES = 6;
/** More is another file: instances_val2017.json is not instances_train2017.json. */
const MAX_SLIPS = 2;

/**
 * What lies where a file was looked for in vain: a hint.
 * @param ending of the names that are shown rather than others: `.pth`
 * @returns undefined where nothing can be said
 * @example await nearbyFiles(fs, 'work_dirs/a/epoch_12.pht', '.pth') // "did you mean 'work_dirs/a/epoch_12.pth'?"
 */
export async function nearbyFiles(fs: FileSystem, path: string, ending: string): Promise<string | undefined> {
  const parts = path.split('/');
  // The first part that isn't there.
  let missing = 0;
  for (; missing < parts.length - 1; missing++) {
    const folder = parts.slice(0, missing + 1).join('/');
    if (folder !== '' && (await fs.stat(folder))?.kind !== 'directory') break;
  }
  const folder = parts.slice(0, missing).join('/');
  const names = (await fs.list(folder)).map(({ name }) => name);
  const name = parts[missing] ?? '';
  const near = nearest(name, names, Math.min(MAX_SLIPS, Math.max(1, Math.floor(name.length / 3))));
  if (near !== undefined) return `did you mean '${[...parts.slice(0, missing), near].join('/')}'?`;
  return filesIn(fs, folder, ending);
}

/** The files of a folder, as a hint. */
export async function filesIn(fs: FileSystem, folder: string, ending: string): Promise<string | undefined> {
  // The root's own entries say nothing about a file that was looked for.
  if (folder === '') return undefined;
  const names = (await fs.list(folder)).map(({ name }) => name);
  const wanted = names.filter((name) => name.endsWith(ending));
  if (names.length === 0) return `${folder} is empty`;
  return `${folder} has ${firstOf(wanted.length > 0 ? wanted : names, SHOWN_NAMES)}`;
}
