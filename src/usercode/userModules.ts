// A person's own modules: which ones a run imports, and where in them something went wrong. The compiler and the linker are
// loaded with the first module.

import {
  automaticModules,
  customModules,
  filesOfModule,
  moduleGraph,
  moduleRoots,
  type GraphSource,
  type ModuleNode,
} from './index.ts';
import type { Diagnostic } from '../errors/diagnostic.ts';
import { ConfigError, TrainerError, UserCodeError } from '../errors/trainerError.ts';
import { formatSpan } from '../errors/span.ts';
import { isDict } from '../lang/plain.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries, type Registries, type RegistryKind } from '../registry/registries.ts';
import type { Linker } from './linker.ts';
import { ModuleGuard } from './moduleGuard.ts';
import type { TranspiledModule } from './transpile.ts';

/** Codes of what Python calls an ImportError: all that `allow_failed_imports` lets pass. */
const IMPORT_ERRORS = ['import-failed', 'missing-module', 'missing-export'];
/** Kinds that the worker which decodes samples builds too. */
const DATA_KINDS: readonly RegistryKind[] = ['DATASETS', 'PIPELINES'];
/** Enough for a person's line below the engine's own. */
const STACK_TRACE_LIMIT = 60;

/** Type errors of modules that belong together, as warnings at their lines. */
export type CheckTypes = (graph: ReadonlyMap<string, ModuleNode>) => Promise<readonly Diagnostic[]>;

/** tabtrain's own module, with the registries of a run. */
export type LoadBuiltins = (context: BuildContext) => Promise<Record<string, unknown>>;

let runCount = 0;

/** The modules of one run, with the registries that they register in. */
export class UserModules {
  /** Fall back to tabtrain's own; what the modules register ends with the run. */
  readonly registries: Registries = createRunRegistries((kind) => ({
    placeNow: () => this.#here(),
    explainMissing: (name) => this.#explainMissing(name, kind),
  }));
  /** Finds what never ends in them. */
  readonly guard = new ModuleGuard();
  readonly #loadBuiltins: LoadBuiltins;
  #linker: Linker | null = null;
  readonly #entries: string[] = [];
  #source: GraphSource | null = null;

  /** @param loadBuiltins what `import … from 'tabtrain'` gives; asked once, with the first module */
  constructor(loadBuiltins: LoadBuiltins) {
    this.#loadBuiltins = loadBuiltins;
  }

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
    const isFile = async (path: string): Promise<boolean> => (await fs.stat(path))?.kind === 'file';
    const run = async (files: readonly string[]): Promise<void> => {
      for (const file of files) {
        this.#entries.push(file);
        await (await this.#link(context, roots)).import(file);
      }
    };
    this.#source = { readText: (path) => fs.readText(path), isFile, roots };
    await run(await automaticModules(roots, (folder) => fs.list(folder)));
    for (const [i, name] of customModules(dict).entries()) {
      const path = `custom_imports.imports[${i}]`;
      try {
        await run(await filesOfModule(name, roots, isFile, path));
      } catch (error) {
        const isImportError = error instanceof ConfigError || error instanceof UserCodeError;
        if (custom.allow_failed_imports && isImportError && IMPORT_ERRORS.includes(error.code)) {
          const place = error.span ? ` (${formatSpan(error.span)})` : '';
          warn(`${name} failed to import and is ignored: ${error.message}${place}`);
        } else throw withPath(error, path);
      }
    }
  }

  /** What a type checker says of the modules that were imported; it is not asked where there are none. */
  async checkTypes(check: CheckTypes | undefined): Promise<readonly Diagnostic[]> {
    if (!check || !this.#source || this.#entries.length === 0) return [];
    return check(await moduleGraph(this.#entries, this.#source));
  }

  /** What was compiled, by path. */
  get modules(): Iterable<TranspiledModule> {
    return this.#linker?.modules.values() ?? [];
  }

  /** An error with its place in the person's code, where it comes from there. */
  locate(error: unknown): unknown {
    return this.#linker?.locate(error) ?? error;
  }

  /** True when datasets or pipelines were registered: whoever decodes samples must import the modules too. */
  get hasDataClasses(): boolean {
    return DATA_KINDS.some((kind) => this.registries[kind].ownNames().length > 0);
  }

  /** A class of that name that was imported, but not registered, or registered elsewhere. */
  #explainMissing(name: string, kind: RegistryKind): string | undefined {
    for (const module of this.#linker?.modules.values() ?? []) {
      const place = module.classes.get(name);
      if (!place) continue;
      const other = (Object.keys(this.registries) as RegistryKind[]).find((one) =>
        this.registries[one].ownNames().includes(name),
      );
      return `${formatSpan(place)} has a class ${name}, but registers it ${other ? `in ${other}` : 'nowhere'}: write @${kind}.registerModule() above it`;
    }
    return undefined;
  }

  #here(): string | undefined {
    const span = this.#linker?.here(new Error());
    return span && formatSpan(span);
  }

  async #link(context: BuildContext, roots: readonly string[]): Promise<Linker> {
    if (this.#linker) return this.#linker;
    const [{ Linker }, builtins] = await Promise.all([import('./linker.ts'), this.#loadBuiltins(context)]);
    // V8's own limit of 10 would often cut the person's line off.
    Error.stackTraceLimit = Math.max(Error.stackTraceLimit ?? 0, STACK_TRACE_LIMIT);
    const { fs } = context.services;
    return (this.#linker = new Linker({
      readText: (path) => fs.readText(path),
      isFile: async (path) => (await fs.stat(path))?.kind === 'file',
      roots,
      builtins,
      runId: ++runCount,
      guard: this.guard,
    }));
  }
}

function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof TrainerError) || error.path !== undefined) return error;
  return error.with({ path });
}
