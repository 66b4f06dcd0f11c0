// From what an import says to a file of the workspace, or to tabtrain itself.

import { OWN_SPECIFIERS } from '../../config/index.ts';
import { joinPath, normalizePath, splitPath } from '../../storage/path.ts';

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
  const tried = /^\.\.?(\/|$)/.test(specifier) ? relativeFiles(specifier, from) : rootFiles(specifier, roots);
  for (const path of tried) if (await isFile(path)) return { kind: 'file', path };
  return { kind: 'missing', tried };
}

function relativeFiles(specifier: string, from: string): string[] {
  // Absolute paths are the command line's: a leading slash means the machine's root.
  const root = from.startsWith('/') ? '/' : '';
  try {
    return filesOf(root + normalizePath(joinPath(splitPath(from).dir, specifier)));
  } catch {
    // It leaves the file system's root: nothing is there.
    return [];
  }
}

function rootFiles(specifier: string, roots: readonly string[]): string[] {
  const path = /[/]|\.[jt]s$/.test(specifier) ? specifier : specifier.replaceAll('.', '/');
  return roots.flatMap((root) => filesOf(joinPath(root, path)));
}

/** As TypeScript finds them: `./a` and `./a.js` both mean a.ts where there is one. */
function filesOf(path: string): string[] {
  const bare = path.replace(/\.[jt]s$/, '');
  const files = [`${bare}.ts`, `${bare}.js`];
  return path === bare ? [...files, `${path}/index.ts`, `${path}/index.js`] : files;
}
