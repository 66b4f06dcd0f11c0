import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { ConfigError } from '../errors/trainerError.ts';
import { createMountFs, type Mount } from '../storage/mountFs.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import type { FileSystem } from '../util/fileSystem.ts';

/** Where everything outside the working folder appears. */
const OUTSIDE = '.outside';

/** Write paths of a {@link NodeRoot} as the person knows them. */
export function showPaths(text: string): string {
  return text.replaceAll(`${OUTSIDE}/`, '/');
}

/**
 * The file system of a command: the whole machine below `/`, so that any path a person writes works, with
 * `--data NAME=PATH` mounted read-only at `data/NAME` of the working folder.
 */
export interface NodeRoot {
  readonly fs: FileSystem;
  /** Turn a path as the person wrote it into one of `fs`. */
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
    if (!existsSync(path)) {
      throw new ConfigError(`--data ${name} must name a folder, but ${path} does not exist`, {
        code: 'not-found',
        path,
      });
    }
    mounts[`data/${name}`] = { fs: createNodeFs(resolve(path)), readOnly: true };
  }
  // Configs may lie outside the working folder (`../x.py`, `/tmp/x.py`): those are reached through the root.
  const outside = createNodeFs('/');
  const inside = createMountFs(createNodeFs(cwd), { ...mounts, [OUTSIDE]: outside });
  return {
    fs: inside,
    path: (written) => {
      const absolute = resolve(written);
      const below = relative(cwd, absolute);
      const isInside = !below.startsWith('..') && !isAbsolute(below);
      return isInside ? below : `${OUTSIDE}${absolute}`;
    },
  };
}
