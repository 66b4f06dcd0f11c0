// A dataset appears under its name when it is complete, and not before.
// It is built in `data/.importing-<name>`; `.complete` in there says that only the move is left to do.

import { DatasetError } from '../errors/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

const ROOT = 'data';
const STAGING = '.importing-';
const OLD = '.replaced-';
const COMPLETE = '.complete';

export interface Staging {
  /** Folder to build in, without a trailing slash. */
  readonly folder: string;
  /** Move the finished dataset to its name. */
  commit(): Promise<void>;
  /** Remove all traces. */
  discard(): Promise<void>;
}

/**
 * @param name letters (any script), digits, `_`, `-`, `.`; starts with a letter, digit or `_`
 * @throws DatasetError `bad-dataset-name`, `dataset-exists`
 */
export async function openStaging(fs: FileSystem, name: string, replace: boolean): Promise<Staging> {
  if (!/^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]{0,99}$/u.test(name))
    throw new DatasetError(
      `a dataset's name must consist of letters, digits, "_", "-" and ".", got ${JSON.stringify(name)}`,
      { code: 'bad-dataset-name', hint: `${JSON.stringify(suggestName(name))} would do` },
    );
  const target = `${ROOT}/${name}`;
  const folder = `${ROOT}/${STAGING}${name}`;
  const old = `${ROOT}/${OLD}${name}`;
  await finishOne(fs, name);
  if (!replace && (await fs.stat(target)) !== null)
    throw new DatasetError(`the name of a new dataset must be free, but ${target} exists`, {
      code: 'dataset-exists',
      path: target,
      hint: 'choose another name, or replace the dataset',
    });
  return {
    folder,
    discard: () => fs.remove(folder),
    async commit() {
      await fs.writeFile(`${folder}/${COMPLETE}`, '');
      const isReplacing = (await fs.stat(target)) !== null;
      if (isReplacing) await fs.rename(target, old);
      try {
        await fs.rename(folder, target);
      } catch (error) {
        await fs.remove(target);
        if (isReplacing) await fs.rename(old, target);
        throw error;
      }
      await fs.remove(`${target}/${COMPLETE}`);
      await fs.remove(old);
    },
  };
}

/**
 * Tidy up after imports that a closed tab or a power cut ended: unfinished ones are removed, finished ones get their
 * name. Call it before datasets are listed, while no import runs.
 */
export async function recoverImports(fs: FileSystem): Promise<void> {
  for (const { name } of await fs.list(ROOT))
    for (const prefix of [STAGING, OLD])
      if (name.startsWith(prefix)) await finishOne(fs, name.slice(prefix.length));
}

async function finishOne(fs: FileSystem, name: string): Promise<void> {
  const [target, folder, old] = [name, STAGING + name, OLD + name].map((n) => `${ROOT}/${n}`);
  if ((await fs.stat(`${folder}/${COMPLETE}`)) !== null) {
    // What may be under the name already is a part of the same files, or the dataset that was to be replaced.
    await fs.rename(folder, target);
  } else {
    await fs.remove(folder);
    if ((await fs.stat(old)) !== null && (await fs.stat(target)) === null) await fs.rename(old, target);
  }
  await fs.remove(`${target}/${COMPLETE}`);
  await fs.remove(old);
}

/** A valid dataset name made out of any text, such as a file name. */
export function suggestName(text: string): string {
  const base = text
    .replace(/^.*[\\/](?=.)/, '')
    .replace(/\.(?:zip|json|ya?ml|xml)$/i, '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, '_')
    .replace(/^[^\p{L}\p{N}_]+|[_.-]+$/gu, '');
  return base.slice(0, 60) || 'dataset';
}
