// A person's own modules: which ones a run imports, and where in them something went wrong. The compiler and the linker are
// loaded with the first module.

import { missingModule, moduleAround, moduleCandidates, moduleRoots, OWN_MODULES } from '../config/index.ts';
import { ConfigError, TrainerError, UserCodeError } from '../errors/trainerError.ts';
import { formatSpan } from '../errors/span.ts';
import { isDict } from '../lang/plain.ts';
import { MODULE_NAMES } from '../lang/modules.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries, type Registries, type RegistryKind } from '../registry/registries.ts';
import type { FileSystem } from '../util/fileSystem.ts';
import type { Linker } from './userModules/linker.ts';

/** Packages that MMDetection imports by itself: what their index files import is registered without custom_imports. */
const AUTOMATIC_PACKAGES = ['mmcv', 'mmdet'];
/** Codes of what Python calls an ImportError: all that `allow_failed_imports` lets pass. */
const IMPORT_ERRORS = ['import-failed', 'missing-module', 'missing-export'];
/** Kinds that the worker which decodes samples builds too. */
const DATA_KINDS: readonly RegistryKind[] = ['DATASETS', 'PIPELINES'];
/** Enough for a person's line below the engine's own. */
const STACK_TRACE_LIMIT = 60;

let runCount = 0;

/** The modules of one run, with the registries that they register in. */
export class UserModules {
  /** Fall back to tabtrain's own; what the modules register ends with the run. */
  readonly registries: Registries = createRunRegistries(() => this.#here());
  #linker: Linker | null = null;

  /**
   * Run what `custom_imports` names, and the index files of the workspace's own `mmdet` and `mmcv` folders.
   * @param dict the resolved config
   * @param context of these registries
   * @throws ConfigError `import-failed`; UserCodeError for what is wrong in a module, at its line
   */
  async import(
    configPath: string,
    dict: Readonly<Record<string, unknown>>,
    context: BuildContext,
  ): Promise<void> {
    const { fs, warn } = context.services;
    const roots = moduleRoots(configPath);
    const custom = isDict(dict.custom_imports) ? dict.custom_imports : {};
    const names = namesOf(custom.imports);
    const isFile = async (path: string): Promise<boolean> => (await fs.stat(path))?.kind === 'file';
    for (const folder of roots.slice(0, 2).flatMap((root) => AUTOMATIC_PACKAGES.map((p) => join(root, p)))) {
      for (const path of await indexFiles(fs, folder)) await (await this.#link(context, roots)).import(path);
    }
    for (const [i, name] of names.entries()) {
      const path = `custom_imports.imports[${i}]`;
      try {
        const files = await filesOfModule(name, roots, isFile, path);
        for (const file of files) await (await this.#link(context, roots)).import(file);
      } catch (error) {
        const isImportError = error instanceof ConfigError || error instanceof UserCodeError;
        if (custom.allow_failed_imports && isImportError && IMPORT_ERRORS.includes(error.code)) {
          const place = error.span ? ` (${formatSpan(error.span)})` : '';
          warn(`${name} failed to import and is ignored: ${error.message}${place}`);
        } else throw withPath(error, path);
      }
    }
  }

  /**
   * Check the formulas of an optimizer of theirs.
   * @throws UserCodeError `bad-formula` at its line
   */
  async checkFormulas(optimizer: Optimizer): Promise<void> {
    const linker = this.#linker;
    if (!linker) return;
    const { checkFormulas } = await import('./userModules/checkFormulas.ts');
    await checkFormulas(optimizer, linker.modules.values());
  }

  /** An error with its place in the person's code, where it comes from there. */
  locate(error: unknown): unknown {
    return this.#linker?.locate(error) ?? error;
  }

  /** True when datasets or pipelines were registered: whoever decodes samples must import the modules too. */
  get hasDataClasses(): boolean {
    return DATA_KINDS.some((kind) => this.registries[kind].ownNames().length > 0);
  }

  #here(): string | undefined {
    const span = this.#linker?.here(new Error());
    return span && formatSpan(span);
  }

  async #link(context: BuildContext, roots: readonly string[]): Promise<Linker> {
    if (this.#linker) return this.#linker;
    const [{ Linker }, { makeBuiltins }] = await Promise.all([
      import('./userModules/linker.ts'),
      import('./userModules/builtins.ts'),
    ]);
    // V8's own limit of 10 would often cut the person's line off.
    Error.stackTraceLimit = Math.max(Error.stackTraceLimit ?? 0, STACK_TRACE_LIMIT);
    const { fs } = context.services;
    return (this.#linker = new Linker({
      readText: (path) => fs.readText(path),
      isFile: async (path) => (await fs.stat(path))?.kind === 'file',
      roots,
      builtins: makeBuiltins(context),
      runId: ++runCount,
    }));
  }
}

function namesOf(imports: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(imports) ? imports : [imports];
  return list.filter((name): name is string => typeof name === 'string' && name !== '');
}

/** Index files below a folder, a package's before those inside it. */
async function indexFiles(fs: FileSystem, folder: string): Promise<string[]> {
  const entries = await fs.list(folder);
  const own = ['index.ts', 'index.js'].find((name) =>
    entries.some((e) => e.name === name && e.kind === 'file'),
  );
  const found = own === undefined ? [] : [`${folder}/${own}`];
  for (const { name, kind } of entries)
    if (kind === 'directory') found.push(...(await indexFiles(fs, `${folder}/${name}`)));
  return found;
}

/**
 * The files that importing a module runs: the index files of the packages around it, then its own, as in Python.
 * @throws ConfigError `import-failed`
 */
async function filesOfModule(
  name: string,
  roots: readonly string[],
  isFile: (path: string) => Promise<boolean>,
  path: string,
): Promise<string[]> {
  for (const root of roots) {
    for (const file of moduleCandidates(name, [root])) {
      if (!(await isFile(file))) continue;
      const files: string[] = [];
      const packages = name.split('.').slice(0, -1);
      for (let depth = 1; depth <= packages.length; depth++) {
        const folder = join(root, packages.slice(0, depth).join('/'));
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

function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof TrainerError) || error.path !== undefined) return error;
  const Same = error.constructor as typeof TrainerError;
  const { message, code, span, hint } = error;
  return new Same(message, { code, span, hint, path, cause: error });
}

function join(root: string, path: string): string {
  return root === '' ? path : `${root}/${path}`;
}
