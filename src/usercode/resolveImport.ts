// From what an import says to a file of the workspace, or to tabtrain itself.

import { OWN_MODULES, OWN_SPECIFIERS } from './ownModules.ts';
import { folderOf, resolvePath } from '../config/path.ts';

export type IsFile = (path: string) => Promise<boolean>;

export type Resolution =
  | { readonly kind: 'builtin' }
  | { readonly kind: 'file'; readonly path: string }
  /** @param tried the files that would have done */
  | { readonly kind: 'missing'; readonly tried: readonly string[] };

/**
 * Find the module of an import.
 * @param from the file that imports; relative specifiers start there
 * @param roots folders in which `mmdet.core.my_hook` and `mmdet/core/my_hook` are looked for
 */
export async function resolveImport(
  specifier: string,
  from: string,
  roots: readonly string[],
  isFile: IsFile,
): Promise<Resolution> {
  if (OWN_SPECIFIERS.includes(specifier)) return { kind: 'builtin' };
  const isRelative = /^\.\.?(\/|$)/.test(specifier);
  const path = isRelative ? resolvePath(folderOf(from), specifier) : null;
  const tried = path === null ? rootFiles(specifier, roots) : filesOf(path);
  for (const file of tried) if (await isFile(file)) return { kind: 'file', path: file };
  // MMDetection's own files, `./registry` beside one's optimizer, are there without being in the workspace.
  if (path !== null && roots.some((root) => isOwnModule(path, root))) return { kind: 'builtin' };
  return { kind: 'missing', tried };
}

function rootFiles(specifier: string, roots: readonly string[]): string[] {
  const path = /[/]|\.[jt]s$/.test(specifier) ? specifier : specifier.replaceAll('.', '/');
  return roots.flatMap((root) => filesOf(resolvePath(root, path)));
}

/** As TypeScript finds them: `./a` and `./a.js` both mean a.ts where there is one. */
function filesOf(path: string): string[] {
  // What leaves the file system's root, or is no path, isn't there.
  if (/^\.\.(\/|$)|[\\\0]/.test(path)) return [];
  const bare = path.replace(/\.[jt]s$/, '');
  const files = [`${bare}.ts`, `${bare}.js`];
  return path === bare ? [...files, `${path}/index.ts`, `${path}/index.js`] : files;
}

/** Whether a path below a root is where one of the names of {@link OWN_MODULES} would lie. */
function isOwnModule(path: string, root: string): boolean {
  if (root !== '' && !path.startsWith(`${root}/`)) return false;
  const inner = root === '' ? path : path.slice(root.length + 1);
  return OWN_MODULES.includes(inner.replace(/\.[jt]s$/, '').replaceAll('/', '.'));
}
