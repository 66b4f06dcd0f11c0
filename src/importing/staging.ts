// A dataset appears under its name when it is complete, and not before. One import a name: whoever works on
// `data/<name>` holds its lock, and only what nobody holds is tidied up.
// It is built in `data/.importing-<name>`; `.complete` in there says that only the move is left to do.
// Where moving a folder means copying it (OPFS), a new dataset is built in its place, with `.importing` in it.

import { DatasetError } from '../errors/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { heldBy, type Lock, type Locks } from '../contracts/locks.ts';

const ROOT = 'data';
const STAGING = '.importing-';
const OLD = '.replaced-';
/** In the folder that is built: all of it is there. */
const COMPLETE = '.complete';
/** Beside `.complete`: the dataset that was to be replaced is gone, and files are being moved one by one. */
const MOVING = '.moving';
/** In a dataset's own folder: it is being built. */
const UNFINISHED = '.importing';

export interface Staging {
  /** Folder to build in, without a trailing slash. */
  readonly folder: string;
  /** Move the finished dataset to its name. */
  commit(): Promise<void>;
  /** Remove all traces. */
  discard(): Promise<void>;
}

/**
 * Start an import; `commit` or `discard` ends it. Leftovers of imports that were cut off are tidied up first.
 * @param name letters (any script), digits, `_`, `-`, `.`; starts with a letter, digit or `_`
 * @throws DatasetError `bad-dataset-name`, `dataset-exists`, `import-running`
 */
export async function openStaging(
  fs: FileSystem,
  locks: Locks,
  name: string,
  replace: boolean,
): Promise<Staging> {
  if (!/^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]{0,99}$/u.test(name))
    throw new DatasetError(
      `a dataset's name must consist of letters, digits, "_", "-" and ".", got ${JSON.stringify(name)}`,
      { code: 'bad-dataset-name', hint: `${JSON.stringify(suggestName(name))} would do` },
    );
  await recoverImports(fs, locks);
  const lock = await lockDataset(locks, name, `import of ${name}`);
  try {
    return await stage(fs, lock, name, replace);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Have `data/<name>` for oneself. @throws DatasetError `import-running` */
export async function lockDataset(locks: Locks, name: string, owner: string): Promise<Lock> {
  const lock = await locks.tryAcquire(`${ROOT}/${name}`, owner);
  if (lock.kind === 'lock') return lock;
  throw new DatasetError(`data/${name} must not be in use for the ${owner}, but it is: ${heldBy(lock)}`, {
    code: 'import-running',
    path: `${ROOT}/${name}`,
    hint: 'wait for it, cancel it, or choose another name',
  });
}

async function stage(fs: FileSystem, lock: Lock, name: string, replace: boolean): Promise<Staging> {
  const target = `${ROOT}/${name}`;
  const old = `${ROOT}/${OLD}${name}`;
  // Ours now: another may have been cut off between the tidying up and the lock.
  await finishOne(fs, name);
  const exists = (await fs.stat(target)) !== null;
  if (exists && !replace)
    throw new DatasetError(`the name of a new dataset must be free, but ${target} exists`, {
      code: 'dataset-exists',
      path: target,
      hint: 'choose another name, or replace the dataset',
    });
  const isInPlace = fs.copiesFolders === true && !exists;
  const folder = isInPlace ? target : `${ROOT}/${STAGING}${name}`;
  if (isInPlace) await fs.writeFile(`${folder}/${UNFINISHED}`, '');
  return {
    folder,
    async discard() {
      // What is complete is not thrown away because its move failed half way.
      if (isInPlace || (await fs.stat(`${folder}/${MOVING}`)) === null) await fs.remove(folder);
      await lock.release();
    },
    async commit() {
      if (isInPlace) await fs.remove(`${folder}/${UNFINISHED}`);
      else if (fs.copiesFolders) {
        await fs.writeFile(`${folder}/${COMPLETE}`, '');
        await finishOne(fs, name);
      } else {
        await fs.writeFile(`${folder}/${COMPLETE}`, '');
        if (exists) await fs.rename(target, old);
        try {
          await fs.rename(folder, target);
        } catch (error) {
          await fs.remove(target);
          if (exists) await fs.rename(old, target);
          throw error;
        }
        await fs.remove(`${target}/${COMPLETE}`);
        await fs.remove(old);
      }
      await lock.release();
    },
  };
}

/**
 * Tidy up after imports that a closed tab, a kill or a power cut ended: unfinished ones are removed, finished ones
 * get their name. Those that somebody works on are left alone.
 */
export async function recoverImports(fs: FileSystem, locks: Locks): Promise<void> {
  const names = new Set<string>();
  for (const { name, kind } of await fs.list(ROOT)) {
    const prefix = [STAGING, OLD].find((start) => name.startsWith(start));
    if (prefix !== undefined) names.add(name.slice(prefix.length));
    else if (kind === 'directory' && (await isUnfinished(fs, name))) names.add(name);
  }
  for (const name of names) {
    const lock = await locks.tryAcquire(`${ROOT}/${name}`, `tidying up after an import of ${name}`);
    if (lock.kind === 'held') continue;
    try {
      await finishOne(fs, name);
    } finally {
      await lock.release();
    }
  }
}

/** True while a dataset is built under its own name. */
export async function isUnfinished(fs: FileSystem, name: string): Promise<boolean> {
  return (await fs.stat(`${ROOT}/${name}/${UNFINISHED}`)) !== null;
}

async function finishOne(fs: FileSystem, name: string): Promise<void> {
  const target = `${ROOT}/${name}`;
  const folder = `${ROOT}/${STAGING}${name}`;
  const old = `${ROOT}/${OLD}${name}`;
  if (await isUnfinished(fs, name)) await fs.remove(target);
  if ((await fs.stat(`${folder}/${COMPLETE}`)) !== null) {
    // What may be under the name already is a part of the same files, or the dataset that was to be replaced.
    if (fs.copiesFolders) await moveByFile(fs, folder, target);
    else await fs.rename(folder, target);
  } else {
    await fs.remove(folder);
    if ((await fs.stat(old)) !== null && (await fs.stat(target)) === null) await fs.rename(old, target);
  }
  await fs.remove(`${target}/${COMPLETE}`);
  await fs.remove(old);
}

/** Move a complete dataset without ever holding two copies of a file; goes on where it was cut off. */
async function moveByFile(fs: FileSystem, folder: string, target: string): Promise<void> {
  if ((await fs.stat(`${folder}/${MOVING}`)) === null) {
    await fs.remove(target);
    await fs.writeFile(`${folder}/${MOVING}`, '');
  }
  const move = async (inside: string): Promise<void> => {
    for (const { name, kind } of await fs.list(`${folder}${inside}`)) {
      const path = `${inside}/${name}`;
      if (kind === 'directory') await move(path);
      else if (path !== `/${COMPLETE}` && path !== `/${MOVING}`)
        await fs.rename(`${folder}${path}`, `${target}${path}`);
    }
  };
  await move('');
  await fs.remove(folder);
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
