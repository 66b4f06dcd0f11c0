import { ConfigError, RegistryError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { nearest } from '../util/nearest.ts';
import type { ClassWithArgs } from './constructorArgs.ts';
import type { ModelPart } from './registryKinds.ts';

/** A class that a config can name: takes its arguments as one camelCase object, and a `BuildContext`. */
export interface Registrable<T> extends ClassWithArgs {
  // The shape of `args` differs per class and is checked against `ArgSpec` at run time. A context holds registries, so
  // they don't know its type; `BuildContext.build` is what hands it over.
  new (args: never, context: never): T;
}

export interface RegisterOptions {
  /** Register under these names instead of the class's own. */
  name?: string | readonly string[];
  /** Replace an existing entry. Default false. */
  force?: boolean;
}

/** Builds from a config dict in place of the class's constructor: MMCV's `build_func`. */
export type BuildFunc<T> = (cfg: Readonly<Record<string, unknown>>) => T;

/** What a run knows of the modules that register in it. */
export interface ModuleWatch {
  /** Asked with each registration: which line of the person's code does it. */
  readonly placeNow?: () => string | undefined;
  /** Asked for a name that nobody registered: what the person may have forgotten. */
  readonly explainMissing?: (name: string) => string | undefined;
}

export interface RegistryOptions<T> {
  /** The package's name. */
  scope?: string;
  buildFunc?: BuildFunc<T>;
}

/**
 * Maps config `type` names to classes. A child registry falls back to its parent, so that what a run's own
 * modules register is gone with the run. Source: mmcv 1.7.2 `mmcv/utils/registry.py`.
 *
 * A registry with a `scope` follows MMCV's rules for packages: names without a scope are its own only, `kid.Name` asks
 * the child of that scope, and any other scope is looked for from the root.
 * Differs: in one without (all of tabtrain's own) `mmdet.ResNet` is read as `ResNet` unless a child has that scope.
 */
export class Registry<T> {
  readonly name: string;
  readonly scope: string | null;
  readonly #parent: Registry<T> | undefined;
  readonly #scoped = new Map<string, Registry<T>>();
  readonly #buildFunc: BuildFunc<T> | undefined;
  readonly #entries = new Map<string, Registrable<T>>();
  /** Where each entry was registered, as far as it is known: `my_optimizer.ts:4:1`. */
  readonly #places = new Map<string, string>();
  readonly #watch: ModuleWatch;

  constructor(
    name: string,
    parent?: Registry<T>,
    watch: ModuleWatch = {},
    { scope, buildFunc }: RegistryOptions<T> = {},
  ) {
    this.name = name;
    this.scope = scope ?? null;
    this.#parent = parent;
    this.#watch = watch;
    this.#buildFunc = buildFunc;
    if (scope !== undefined) parent?.addChild(scope, this);
  }

  /** Names that begin with `scope.` are looked for in `child`. @throws RegistryError `duplicate-scope` */
  private addChild(scope: string, child: Registry<T>): void {
    if (this.#scoped.has(scope))
      throw new RegistryError(`scope ${scope} exists in ${this.name} registry`, { code: 'duplicate-scope' });
    this.#scoped.set(scope, child);
  }

  /** What builds from a config instead of the class's constructor; a child has its parent's. */
  get buildFunc(): BuildFunc<T> | undefined {
    return this.#buildFunc ?? this.#parent?.buildFunc;
  }

  /** A registry whose additions don't reach this one. */
  child(watch?: ModuleWatch): Registry<T> {
    return new Registry(this.name, this, watch);
  }

  /**
   * Register a class; use it as `@REGISTRY.registerModule()` above the class or as `REGISTRY.registerModule()(MyClass)`.
   * Without the brackets, `@REGISTRY.registerModule`, the class has its own name, as with MMCV's.
   * @throws RegistryError `duplicate-type` naming the first one; `bad-module`, `bad-name` or `bad-force`
   */
  registerModule<C extends Registrable<T>>(module: C, context?: unknown): C;
  registerModule(options?: RegisterOptions): <C extends Registrable<T>>(module: C) => C;
  registerModule<C extends Registrable<T>>(
    given: C | RegisterOptions = {},
  ): C | (<D extends Registrable<T>>(module: D) => D) {
    if (typeof given === 'function') return this.#register(given, {});
    return (module) => this.#register(module, given);
  }

  #register<C extends Registrable<T>>(module: C, options: RegisterOptions): C {
    if (typeof module !== 'function') {
      throw new RegistryError(`module must be a class, but got ${typeof module}`, { code: 'bad-module' });
    }
    if (options.force !== undefined && typeof options.force !== 'boolean')
      throw new RegistryError(`force must be true or false, but got ${plainRepr(options.force)}`, {
        code: 'bad-force',
      });
    const names = options.name === undefined ? [module.name] : [options.name].flat();
    for (const name of names) {
      if (typeof name !== 'string')
        throw new RegistryError(`name must be a string or several, but got ${typeof name}`, {
          code: 'bad-name',
        });
      const existing = this.#entries.get(name) ?? this.#parent?.get(name);
      if (existing && !options.force) {
        throw new RegistryError(
          `${name} is already registered in ${this.name} (by class ${existing.name}${this.#placeOf(name)})`,
          {
            code: 'duplicate-type',
            hint: 'choose another name, or pass force: true to replace the first one',
          },
        );
      }
      this.#entries.set(name, module);
      const place = this.#watch.placeNow?.();
      if (place !== undefined) this.#places.set(name, place);
    }
    return module;
  }

  /** The class under a name, here or in the parent; `scope.Name` is read as `Name`. */
  get(name: string): Registrable<T> | undefined {
    const [scope, inner] = splitScopeKey(name);
    if (this.scope !== null) {
      if (scope === null || scope === this.scope) return this.#entries.get(inner);
      const child = this.#scoped.get(scope);
      if (child) return child.get(inner);
      if (this.#parent) return this.#root().get(name);
      throw new RegistryError(`${name}: no registry of ${this.name} has the scope ${scope}`, {
        code: 'unknown-scope',
      });
    }
    const child = scope === null ? undefined : this.#scoped.get(scope);
    if (child) return child.get(inner);
    const key = this.#entries.has(name) ? name : name.slice(name.lastIndexOf('.') + 1);
    return this.#entries.get(key) ?? this.#parent?.get(name);
  }

  #root(): Registry<T> {
    return this.#parent ? this.#parent.#root() : this;
  }

  #placeOf(name: string): string {
    const place = this.#places.get(name);
    return place === undefined ? '' : ` at ${place}`;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** All names, the parent's first. */
  names(): string[] {
    return [...new Set([...(this.#parent?.names() ?? []), ...this.#entries.keys()])];
  }

  /** The names registered here, not in the parent. */
  ownNames(): string[] {
    return [...this.#entries.keys()];
  }

  /** What a person may have forgotten, so that a name is not here; undefined where nothing is known. */
  explainMissing(name: string): string | undefined {
    return this.#watch.explainMissing?.(name);
  }

  /** @throws RegistryError `unknown-type` with what was forgotten, or the nearest name. */
  getOrThrow(name: string, part?: ModelPart): Registrable<T> {
    const found = this.get(name);
    if (found) return found;
    const { message, hint } = this.missing(name, part);
    throw new RegistryError(message, { code: 'unknown-type', hint });
  }

  /**
   * What to say of a name that is not here: what was forgotten, or the nearest name.
   * @param part only classes of this one are proposed, and those that say nothing
   */
  missing(name: string, part?: ModelPart): { readonly message: string; readonly hint: string } {
    const names = this.names().filter((one) => {
      const own = this.get(one)?.part;
      return part === undefined || own === undefined || own === part;
    });
    const near = nearest(name, names);
    const parts = part === 'loss' ? 'losses' : `${String(part)}s`;
    const what = part === undefined ? 'registered' : parts;
    const hint =
      this.explainMissing(name) ??
      (near
        ? `did you mean '${near}'?`
        : `${what} are: ${names.sort().join(', ') || 'none'}; register your own class and list its file in custom_imports`);
    const where =
      part === undefined ? `the ${this.name} registry` : `the ${parts} of the ${this.name} registry`;
    return { message: `${name} is not in ${where}`, hint };
  }
}

/**
 * Split `scope.Name` at the first dot.
 * @example splitScopeKey('mmdet.ResNet') // ['mmdet', 'ResNet']
 */
export function splitScopeKey(key: string): readonly [string | null, string] {
  const dot = key.indexOf('.');
  return dot === -1 ? [null, key] : [key.slice(0, dot), key.slice(dot + 1)];
}

/** Assert that a config value is a dict. */
export function assertDict(value: unknown, path: string): asserts value is Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const actual = value === undefined ? 'is missing' : `got ${plainRepr(value)}`;
    throw new ConfigError(`${path} must be a dict, but ${actual}`, { code: 'not-a-dict', path });
  }
}
