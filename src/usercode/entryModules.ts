// Which files of a workspace a run imports first: the index files of its own packages, and what `custom_imports` names.

import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { MODULE_NAMES } from '../lang/modules.ts';
import { missingModule, moduleAround, moduleCandidates } from './customImports.ts';
import { OWN_MODULES } from './ownModules.ts';
import { resolvePath } from '../config/path.ts';
import type { IsFile } from './resolveImport.ts';

/** Packages that MMDetection imports by itself: what their index files import is registered without custom_imports. */
const AUTOMATIC_PACKAGES = ['mmcv', 'mmdet'];

/** What lies directly in a folder; empty for one that isn't there. */
export type ListFolder = (
  folder: string,
) => Promise<readonly { readonly name: string; readonly kind: 'file' | 'directory' }[]>;

/** The index files of the workspace's own `mmdet` and `mmcv`, a package's before those inside it. */
export async function automaticModules(roots: readonly string[], list: ListFolder): Promise<string[]> {
  const found: string[] = [];
  // The workspace and its `src`; not the config's folder.
  for (const root of roots.slice(0, 2))
    for (const name of AUTOMATIC_PACKAGES) found.push(...(await indexFiles(resolvePath(root, name), list)));
  return found;
}

/** The modules that a config's `custom_imports` names. */
export function customModules(dict: Readonly<Record<string, unknown>>): string[] {
  const { imports } = isDict(dict.custom_imports) ? dict.custom_imports : {};
  const names: readonly unknown[] = Array.isArray(imports) ? imports : [imports];
  return names.filter((name): name is string => typeof name === 'string' && name !== '');
}

async function indexFiles(folder: string, list: ListFolder): Promise<string[]> {
  const entries = await list(folder);
  const own = ['index.ts', 'index.js'].find((name) =>
    entries.some((e) => e.name === name && e.kind === 'file'),
  );
  const found = own === undefined ? [] : [`${folder}/${own}`];
  for (const { name, kind } of entries)
    if (kind === 'directory') found.push(...(await indexFiles(`${folder}/${name}`, list)));
  return found;
}

/**
 * The files that importing a module runs: the index files of the packages around it, then its own, as in Python.
 * @param path of the name in the config
 * @throws ConfigError `import-failed`
 */
export async function filesOfModule(
  name: string,
  roots: readonly string[],
  isFile: IsFile,
  path: string,
): Promise<string[]> {
  for (const root of roots) {
    for (const file of moduleCandidates(name, [root])) {
      if (!(await isFile(file))) continue;
      const files: string[] = [];
      const packages = name.split('.').slice(0, -1);
      for (let depth = 1; depth <= packages.length; depth++) {
        const folder = resolvePath(root, packages.slice(0, depth).join('/'));
        for (const index of [`${folder}/index.ts`, `${folder}/index.js`])
          if (await isFile(index)) files.push(index);
      }
      return [...files, file];
    }
  }
  if (OWN_MODULES.includes(name) || MODULE_NAMES.includes(name)) return [];
  const { message, hint } = missingModule(name, { roots, found: await moduleAround(name, roots, isFile) });
  throw new ConfigError(message, { code: 'import-failed', path, hint });
}
