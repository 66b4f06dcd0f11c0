import { statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { ConfigError } from '../errors/trainerError.ts';
import { createMountFs, type Mount } from '../storage/mountFs.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/**
 * The file system of a command: the working folder, with `--data NAME=PATH` mounted read-only at `data/NAME`;
 * and, for paths that begin with `/`, the rest of the machine, since a person may name any file.
 */
export interface NodeRoot {
  readonly fs: FileSystem;
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
    fs: joinByRoot(createMountFs(createNodeFs(cwd), mounts), createNodeFs('/')),
    path: (written) => {
      const absolute = resolve(written);
      const below = relative(cwd, absolute) || '.';
      return below.startsWith('..') || isAbsolute(below) ? absolute : below;
    },
  };
}

/** One file system of two: absolute paths go to `outside`, all others to `inside`. */
function joinByRoot(inside: FileSystem, outside: FileSystem): FileSystem {
  const pick = (path: string): FileSystem => (path.startsWith('/') ? outside : inside);
  return {
    readFile: (path) => pick(path).readFile(path),
    readText: (path) => pick(path).readText(path),
    readRange: (path, start, end) => pick(path).readRange(path, start, end),
    stat: (path) => pick(path).stat(path),
    list: (path) => pick(path).list(path),
    makeDir: (path) => pick(path).makeDir(path),
    writeFile: (path, data) => pick(path).writeFile(path, data),
    appendFile: (path, data) => pick(path).appendFile(path, data),
    link: async (targetName, path) => (await pick(path).link?.(targetName, path)) ?? false,
    readLink: async (path) => (await pick(path).readLink?.(path)) ?? null,
    createWriter: (path) => pick(path).createWriter(path),
    rename: (from, to) => pick(from).rename(from, to),
    remove: (path) => pick(path).remove(path),
  };
}
