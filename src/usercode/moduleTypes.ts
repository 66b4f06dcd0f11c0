// How TypeScript sees a person's modules: the same in the editor and on the command line.

import { OWN_MODULES } from './ownModules.ts';
import { resolvePath } from '../config/path.ts';

/** TypeScript's compiler options, its enums by number, as the editor's TypeScript and the `typescript` package share them. */
export const MODULE_COMPILER_OPTIONS = {
  /** ScriptTarget.ESNext */
  target: 99,
  /** ModuleKind.ESNext */
  module: 99,
  /** ModuleResolutionKind.Bundler */
  moduleResolution: 100,
  allowImportingTsExtensions: true,
  allowJs: true,
  checkJs: false,
  isolatedModules: true,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  useDefineForClassFields: true,
} as const;

/** A file that only the type checker sees. */
export interface TypeFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Files through which a checker that resolves imports by itself (the editor's) finds what a run finds: each module under its
 * dotted and slashed names, and MMDetection's own modules where the workspace has none.
 * @param modules paths of the workspace's modules
 * @param roots as `moduleRoots` gives them
 * @param aliasFolder where imports that aren't relative are looked for; a sibling of the workspace's root
 */
export function moduleAliases(
  modules: readonly string[],
  roots: readonly string[],
  aliasFolder: string,
): TypeFile[] {
  const aliases = new Map<string, string>();
  for (const root of roots) {
    for (const module of modules) {
      const name = moduleName(module, root);
      // As on Python's path, the first root that has it wins.
      for (const alias of name === null ? [] : [name, name.replaceAll('/', '.')])
        if (!aliases.has(alias)) aliases.set(alias, module);
    }
  }
  const files = [...aliases].map(([alias, module]): TypeFile => {
    const path = `${aliasFolder}/${alias}.d.ts`;
    return { path, text: reexport(relativePath(path, module)) };
  });
  return [...files, ...ownModuleFiles(modules, roots)];
}

/** `./registry` beside an optimizer: a file that hands on `tabtrain`, where there is no other. */
function ownModuleFiles(modules: readonly string[], roots: readonly string[]): TypeFile[] {
  const bare = new Set(modules.map((path) => path.replace(/\.[jt]s$/, '')));
  return roots.flatMap((root) =>
    OWN_MODULES.map((name) => resolvePath(root, name.replaceAll('.', '/')))
      .filter((path) => !bare.has(path) && !bare.has(`${path}/index`))
      .map((path) => ({ path: `${path}.d.ts`, text: "export * from 'tabtrain';\n" })),
  );
}

/** `mine/opt` of `workspace/mine/opt.ts` below `workspace`, and a folder's for its index file; null for one elsewhere. */
function moduleName(path: string, root: string): string | null {
  if (root !== '' && !path.startsWith(`${root}/`)) return null;
  const inner = (root === '' ? path : path.slice(root.length + 1)).replace(/\.[jt]s$/, '');
  return inner.replace(/\/index$/, '');
}

function reexport(specifier: string): string {
  return `export * from '${specifier}';\nexport { default } from '${specifier}';\n`;
}

/** @example relativePath('aliases/mine/opt.d.ts', 'workspace/mine/opt.ts') // '../../workspace/mine/opt.ts' */
function relativePath(from: string, to: string): string {
  return `${'../'.repeat(from.split('/').length - 1)}${to}`;
}
