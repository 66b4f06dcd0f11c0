import { statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { ConfigError } from '../errors/trainerError.ts';
import { createMountFs, type Mount } from '../storage/mountFs.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import { createNodeLocks } from '../storage/nodeLocks.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Locks } from '../contracts/locks.ts';

/**
 * The file system of a command: the working folder, with `--data NAME=PATH` mounted read-only at `data/NAME`;
 * and, for paths that begin with `/` or leave it by `..`, the rest of the machine, since a person may name any file.
 */
export interface NodeRoot {
  readonly fs: FileSystem;
  /** Among all processes of this machine that work in its folders. */
  readonly locks: Locks;
  /** Turn a path as the person wrote it into one of `fs`: relative inside the working folder, absolute outside. */
  path(written: string): string;
}

/** @throws ConfigError for a `--data` that isn't NAME=PATH, or whose path is missing */
export function createNodeRoot(dataOptions: readonly string[] = []): NodeRoot {
  const cwd = process.cwd();
  const mounts: Record<string, Mount> = {};
  for (const option of dataOptions) {
    const [name, ...rest] = option.split('=');
    const path = rest.join('=');
    if (!name || !path) {
      throw new ConfigError(`--data must be NAME=PATH, but got ${option}`, {
        code: 'bad-option',
        hint: '--data bccd=../shared/data/bccd',
      });
    }
    if (/[\\/]/.test(name) || name.startsWith('.')) {
      throw new ConfigError(`--data must be NAME=PATH with a plain NAME, but got ${option}`, {
        code: 'bad-option',
        hint: 'configs then find the folder as data/NAME/',
      });
    }
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats?.isDirectory()) {
      throw new ConfigError(
        `--data ${name} must name a folder, but ${path} ${stats ? 'is a file' : 'does not exist'}`,
        { code: 'not-found', path, hint: stats ? `tabtrain import ${path} --name ${name}` : undefined },
      );
    }
    mounts[`data/${name}`] = { fs: createNodeFs(resolve(path)), readOnly: true };
  }
  return {
    fs: joinByRoot(createMountFs(createNodeFs(cwd), mounts), createNodeFs('/'), cwd),
    locks: createNodeLocks(cwd),
    path: (written) => {
      const absolute = resolve(written);
      const below = relative(cwd, absolute) || '.';
      return leaves(below) ? absolute : below;
    },
  };
}

/**
 * One file system of two: what lies in the working folder, however it is written, goes to `inside`; absolute paths and
 * those that leave the working folder (`../_base_/x.py`) go to `outside`, whose root is the machine's.
 */
function joinByRoot(inside: FileSystem, outside: FileSystem, cwd: string): FileSystem {
  const find = (path: string): { fs: FileSystem; at: string } => {
    if (isAbsolute(path)) return { fs: outside, at: path };
    const below = relative(cwd, resolve(cwd, path));
    return leaves(below)
      ? { fs: outside, at: resolve(cwd, path) }
      : { fs: inside, at: path === '' ? path : below };
  };
  const on = <T>(path: string, action: (fs: FileSystem, at: string) => T): T => {
    const { fs, at } = find(path);
    return action(fs, at);
  };
  return {
    readFile: (path) => on(path, (fs, at) => fs.readFile(at)),
    readText: (path) => on(path, (fs, at) => fs.readText(at)),
    readRange: (path, start, end) => on(path, (fs, at) => fs.readRange(at, start, end)),
    stat: (path) => on(path, (fs, at) => fs.stat(at)),
    list: (path) => on(path, (fs, at) => fs.list(at)),
    makeDir: (path) => on(path, (fs, at) => fs.makeDir(at)),
    writeFile: (path, data) => on(path, (fs, at) => fs.writeFile(at, data)),
    appendFile: (path, data) => on(path, (fs, at) => fs.appendFile(at, data)),
    link: (targetName, path) => on(path, async (fs, at) => (await fs.link?.(targetName, at)) ?? false),
    readLink: (path) => on(path, async (fs, at) => (await fs.readLink?.(at)) ?? null),
    createWriter: (path) => on(path, (fs, at) => fs.createWriter(at)),
    rename: (from, to) => {
      const [source, target] = [find(from), find(to)];
      if (source.fs === inside && target.fs === inside) return inside.rename(source.at, target.at);
      return outside.rename(resolve(cwd, source.at), resolve(cwd, target.at));
    },
    remove: (path) => on(path, (fs, at) => fs.remove(at)),
  };
}

function leaves(below: string): boolean {
  return below === '..' || below.startsWith('../') || isAbsolute(below);
}
