// Reads a person's modules with all they import, checks how they hang together, and runs each once. CommonJS's way of
// evaluating lets the same code run in a worker and in Node, from any file system.

import { resolveImport, type IsFile } from './index.ts';
import { nearest } from '../util/nearest.ts';
import { UserCodeError } from '../errors/trainerError.ts';
import { pointSpan, type Span } from '../errors/span.ts';
import { GUARD, PASSES, type Look, type ModuleGuard } from './moduleGuard.ts';
import { transpile, type ModuleImport, type TranspiledModule } from './transpile.ts';
import { describe, locateUserError, sourceUrl, userFrame } from './userErrors.ts';

/** What a module exports, by name. */
type Exports = Record<string, unknown>;

export interface LinkerOptions {
  readonly readText: (path: string) => Promise<string>;
  readonly isFile: IsFile;
  readonly roots: readonly string[];
  /** What `tabtrain` and its other names export. */
  readonly builtins: Readonly<Exports>;
  /** Tells this run's code from another's in stack traces. */
  readonly runId: number;
  /** Watches the modules while they run. */
  readonly guard: ModuleGuard;
}

/** A module is a file, or tabtrain itself. */
type Target = string | 'builtin';

export class Linker {
  readonly modules = new Map<string, TranspiledModule>();
  readonly #options: LinkerOptions;
  /** Of each file: what its specifiers mean. */
  readonly #targets = new Map<string, ReadonlyMap<string, Target>>();
  readonly #evaluated = new Map<string, { exports: Exports }>();

  constructor(options: LinkerOptions) {
    this.#options = options;
  }

  /**
   * Import a file: read, check and run it and everything it imports, unless that is done.
   * @throws UserCodeError at the person's line, see the codes below
   */
  async import(path: string): Promise<void> {
    await this.#load(path, []);
    for (const file of this.#reachable(path)) this.#checkNames(file);
    this.#evaluate(path);
  }

  /** The line of these modules that is running, for an error made now. */
  here(error: Error): Span | undefined {
    return userFrame(error, this.modules, this.#options.runId)?.span;
  }

  locate(error: unknown): unknown {
    return locateUserError(error, this.modules, this.#options.runId);
  }

  /** @param trail the files that lead here, outermost first */
  async #load(path: string, trail: readonly string[]): Promise<void> {
    if (this.modules.has(path)) return;
    const module = await transpile(path, await this.#options.readText(path));
    const targets = new Map<string, Target>();
    const files: { readonly path: string; readonly from: ModuleImport }[] = [];
    for (const from of module.imports) {
      const { specifier } = from;
      const { roots, isFile } = this.#options;
      const found = await resolveImport(specifier, path, roots, isFile);
      if (found.kind === 'missing') throw missingImport(from, found.tried);
      if (found.kind === 'builtin') targets.set(specifier, 'builtin');
      else {
        targets.set(specifier, found.path);
        files.push({ path: found.path, from });
      }
    }
    const below = [...trail, path];
    for (const { path: file, from } of files) {
      if (below.includes(file)) throw importCycle(below.slice(below.indexOf(file)), from);
      await this.#load(file, below);
    }
    // Only now: what is here has all that it imports, also after an import that failed.
    this.modules.set(path, module);
    this.#targets.set(path, targets);
  }

  /** @throws UserCodeError `missing-export` */
  #checkNames(path: string): void {
    for (const { specifier, names } of this.modules.get(path)?.imports ?? []) {
      const known = this.#namesOf(this.#targets.get(path)?.get(specifier) ?? path);
      for (const { name, span } of names) {
        if (known.has(name)) continue;
        const near = nearest(name, [...known]);
        throw new UserCodeError(`'${specifier}' must export ${name}, but does not`, {
          code: 'missing-export',
          span,
          hint: near
            ? `did you mean '${near}'?`
            : `it exports ${known.size > 12 ? `${known.size} names, none like it` : [...known].join(', ') || 'nothing'}; a type needs \`import type\` or \`export type\``,
        });
      }
    }
  }

  /** The file and all that it imports. */
  #reachable(path: string, found = new Set<string>()): Set<string> {
    if (found.has(path)) return found;
    found.add(path);
    for (const target of this.#targets.get(path)?.values() ?? [])
      if (target !== 'builtin') this.#reachable(target, found);
    return found;
  }

  #namesOf(target: Target): Set<string> {
    if (target === 'builtin') return new Set(Object.keys(this.#options.builtins));
    const module = this.modules.get(target);
    const names = new Set(module?.exports);
    for (const { specifier, isReexport } of module?.imports ?? []) {
      const inner = this.#targets.get(target)?.get(specifier);
      if (!isReexport || inner === undefined) continue;
      for (const name of this.#namesOf(inner)) if (name !== 'default') names.add(name);
    }
    return names;
  }

  #evaluate(path: string): Exports {
    const known = this.#evaluated.get(path);
    if (known) return known.exports;
    const module = { exports: {} as Exports };
    const source = this.modules.get(path);
    if (!source) throw new Error(`internal: ${path} was not loaded`);
    this.#evaluated.set(path, module);
    const require = (specifier: string): Exports => {
      const target = this.#targets.get(path)?.get(specifier);
      if (target === undefined)
        throw new Error(`import() must name its module by a plain string, but got ${specifier}`);
      // `__esModule` tells compiled code that `default` is to be looked up, not the whole.
      return target === 'builtin' ? { __esModule: true, ...this.#options.builtins } : this.#evaluate(target);
    };
    try {
      const run = compileWrapper(source.code, sourceUrl(path, this.#options.runId));
      this.#options.guard.enter(path);
      run(module.exports, require, module, this.#options.guard.lookFor(path), 0);
      this.#options.guard.throwTripped();
    } catch (error) {
      this.#evaluated.delete(path);
      throw this.#importFailure(error, path);
    }
    return module.exports;
  }

  /** What a module threw while it ran, at its line; with no line to be found, at the file. */
  #importFailure(error: unknown, path: string): unknown {
    const located = this.locate(error);
    if (located !== error || error instanceof UserCodeError) return located;
    return new UserCodeError(`importing the module threw ${describe(error)}`, {
      code: 'user-code-failed',
      span: pointSpan(path, 1, 1),
      cause: error,
    });
  }
}

type Wrapper = (
  exports: Exports,
  require: (specifier: string) => Exports,
  module: object,
  look: Look,
  passes: number,
) => void;

/** Make a function of a module's code; the address makes it readable in stack traces and debuggers. */
function compileWrapper(code: string, url: string): Wrapper {
  // Indirect: evaluated in the global scope. Running the person's own code is the purpose of this file. The code begins
  // with a line of its own ("use strict"), so that what precedes it moves no column.
  return globalThis.eval(
    `(function (exports, require, module, ${GUARD}, ${PASSES}) {${code}\n})\n//# sourceURL=${url}`,
  ) as Wrapper;
}

function missingImport({ specifier, span }: ModuleImport, tried: readonly string[]): UserCodeError {
  const isRelative = specifier.startsWith('.');
  const isRegistry = /(^|[./])(registry|builder)$/.test(specifier);
  return new UserCodeError(
    isRelative
      ? `'${specifier}' must be a file beside this one, but there is no ${tried.at(0) ?? 'such file in the workspace'}`
      : `'${specifier}' must be tabtrain or a file of the workspace, but is neither`,
    {
      code: 'missing-module',
      span,
      hint: isRegistry
        ? "the registries come from tabtrain: import { OPTIMIZERS, OPTIMIZER_BUILDERS, HOOKS } from 'tabtrain'"
        : isRelative
          ? `looked for ${tried.join(', ')}`
          : `packages from the network can't be imported; looked for ${tried.slice(0, 4).join(', ')}`,
    },
  );
}

function importCycle(cycle: readonly string[], { span }: ModuleImport): UserCodeError {
  return new UserCodeError(
    `modules must not import each other in a circle: ${[...cycle, cycle[0]].join(' -> ')}`,
    {
      code: 'import-cycle',
      span,
      hint: 'move what both need into a third file; `import type` is never part of a circle',
    },
  );
}
