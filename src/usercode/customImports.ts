// The shape of `custom_imports`, and whether the modules it names exist. Importing them is the run's work.
// Source: mmcv 1.7.2 import_modules_from_strings.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { MODULE_NAMES } from '../lang/modules.ts';
import { dictKeys, isDict, KeyedDict, type PlainDict, plainTypeName } from '../lang/plain.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';
import type { ReadText } from '../config/fileLoader.ts';
import { isTruthyPlain } from '../config/merge.ts';
import { OWN_MODULES } from './ownModules.ts';

const KEYS = ['imports', 'allow_failed_imports'];

/**
 * Folders in which modules are looked for, in order, as Python's path: the workspace (or the working folder), then the
 * config's folder and those above it; in each, its `src` too.
 * @example moduleRoots('workspace/configs/a.py') // ['workspace', 'workspace/src', 'workspace/configs', 'workspace/configs/src']
 */
export function moduleRoots(configPath: string): string[] {
  const top = configPath.startsWith('workspace/') ? 'workspace' : '';
  const roots = [top];
  const folders = configPath.split('/').slice(0, -1);
  for (; folders.length > 0; folders.pop()) {
    const folder = folders.join('/');
    if (folder !== '' && folder !== top) roots.push(folder);
  }
  return roots.flatMap((root) => [root, root === '' ? 'src' : `${root}/src`]);
}

/** Files that a dotted module name may stand for, in the order they are tried. */
export function moduleCandidates(name: string, roots: readonly string[] = ['']): string[] {
  const path = name.replaceAll('.', '/');
  return roots.flatMap((root) => {
    const base = root === '' ? path : `${root}/${path}`;
    return [`${base}.ts`, `${base}.js`, `${base}/index.ts`, `${base}/index.js`];
  });
}

/**
 * Why a module of `custom_imports` isn't there, and what to do.
 * @param place.found a file that `name` without its last part stands for: then the last part is likely a class
 */
export function missingModule(
  name: string,
  { roots, found }: { roots: readonly string[]; found: string | null },
): { message: string; hint: string } {
  const [first] = moduleCandidates(name, roots.slice(0, 1));
  if (found === null) {
    return {
      message: `the module '${name}' of custom_imports must be in the workspace, but there is no ${first}`,
      hint: `make ${first} (or .js, or a folder with index.ts); name the module, not the class in it`,
    };
  }
  const dot = name.lastIndexOf('.');
  const last = name.slice(dot + 1);
  return {
    message: `imports names modules, but '${name}' is none: ${last} looks like ${/^[A-Z]/.test(last) ? 'a class' : 'something'} in ${found}`,
    hint: `write '${name.slice(0, dot)}': what the module registers is there once it is imported`,
  };
}

/** The module that `name` without its last part stands for, as an existing file. */
export async function moduleAround(
  name: string,
  roots: readonly string[],
  exists: (path: string) => Promise<boolean>,
): Promise<string | null> {
  const dot = name.lastIndexOf('.');
  if (dot <= 0) return null;
  for (const path of moduleCandidates(name.slice(0, dot), roots)) if (await exists(path)) return path;
  return null;
}

/** Check `custom_imports` of a resolved config. */
export async function checkCustomImports(
  config: PlainDict,
  readText: ReadText,
  fallback: Span,
): Promise<Diagnostic[]> {
  const custom = config.custom_imports;
  if (!Object.hasOwn(config, 'custom_imports') || !isTruthyPlain(custom)) return [];
  const span = sourceOf(config, 'custom_imports')?.span ?? fallback;
  const error = (code: string, message: string, at: Span, hint?: string): Diagnostic => ({ severity: 'error', code, message, span: at, hint }); // prettier-ignore
  const example = "write custom_imports = dict(imports=['my_module'], allow_failed_imports=False)";
  if (!isDict(custom) || custom instanceof KeyedDict) {
    return [
      error(
        'bad-custom-imports',
        `custom_imports must be a dict, but got a ${plainTypeName(custom)}`,
        span,
        example,
      ),
    ];
  }
  const wrong = dictKeys(custom).find((key) => !KEYS.includes(key));
  if (wrong !== undefined) {
    return [error('bad-custom-imports', `custom_imports takes imports and allow_failed_imports, but got '${wrong}'`, sourceOf(custom, wrong)?.span ?? span)]; // prettier-ignore
  }
  if (!Object.hasOwn(custom, 'imports')) {
    return [
      error('bad-custom-imports', 'custom_imports must have imports, but it is missing', span, example),
    ];
  }
  const { imports } = custom;
  if (!isTruthyPlain(imports)) return [];
  const at = sourceOf(custom, 'imports')?.span ?? span;
  if (typeof imports !== 'string' && (!Array.isArray(imports) || imports instanceof Tuple)) {
    return [error('bad-custom-imports', `custom_imports.imports must be a list of str, but got a ${plainTypeName(imports)}`, at, example)]; // prettier-ignore
  }
  const names: unknown[] = typeof imports === 'string' ? [imports] : (imports as unknown[]);
  const found: Diagnostic[] = [];
  for (const [i, name] of names.entries()) {
    const place = (typeof imports === 'object' ? sourceOf(imports as object, i)?.span : undefined) ?? at;
    if (typeof name !== 'string') {
      found.push(error('bad-custom-imports', `custom_imports.imports must hold str only, but entry ${i} is a ${plainTypeName(name)}`, place)); // prettier-ignore
      continue;
    }
    if (OWN_MODULES.includes(name) || MODULE_NAMES.includes(name)) continue;
    const roots = moduleRoots(fallback.file);
    const isFile = async (path: string): Promise<boolean> => (await readText(path)) !== null;
    let exists = false;
    for (const path of moduleCandidates(name, roots)) exists ||= await isFile(path);
    if (exists) continue;
    const isAllowed = isTruthyPlain(custom.allow_failed_imports);
    found.push({
      severity: isAllowed ? 'warning' : 'error',
      code: 'import-failed',
      span: place,
      ...missingModule(name, { roots, found: await moduleAround(name, roots, isFile) }),
    });
  }
  return found;
}
