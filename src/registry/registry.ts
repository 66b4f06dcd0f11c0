import { ConfigError, RegistryError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { nearest } from '../util/nearest.ts';
import type { ArgSpec } from './argSpec.ts';
import type { BuildContext } from './buildContext.ts';

/** A class that a config can name: takes its arguments as one camelCase object, and the run's context. */
export interface Registrable<T> {
  readonly name: string;
  readonly args?: ArgSpec;
  // The shape of `args` differs per class and is checked against `ArgSpec` at run time.
  new (args: never, context: BuildContext): T;
}

export interface RegisterOptions {
  /** Register under these names instead of the class's own. */
  name?: string | readonly string[];
  /** Replace an existing entry. Default false. */
  force?: boolean;
}

/**
 * Maps config `type` names to classes. A child registry falls back to its parent, so that what a run's own
 * modules register is gone with the run. Source: mmcv 1.7.2 `mmcv/utils/registry.py`.
 * Differs: no scopes (`mmdet.ResNet` is read as `ResNet`), no build_func.
 */
export class Registry<T> {
  readonly name: string;
  readonly #parent: Registry<T> | undefined;
  readonly #entries = new Map<string, Registrable<T>>();
  /** Where each entry was registered, as far as it is known: `my_optimizer.ts:4:1`. */
  readonly #places = new Map<string, string>();
  readonly #placeNow: () => string | undefined;

  /** @param placeNow asked with each registration: which line of the person's code does it */
  constructor(name: string, parent?: Registry<T>, placeNow: () => string | undefined = () => undefined) {
    this.name = name;
    this.#parent = parent;
    this.#placeNow = placeNow;
  }

  /** A registry whose additions don't reach this one. */
  child(placeNow?: () => string | undefined): Registry<T> {
    return new Registry(this.name, this, placeNow);
  }

  /**
   * Register a class; use it as `@REGISTRY.registerModule()` above the class or as `REGISTRY.registerModule()(MyClass)`.
   * @throws RegistryError `duplicate-type` naming the first one.
   */
  registerModule(options: RegisterOptions = {}): <C extends Registrable<T>>(module: C) => C {
    return (module) => {
      if (typeof module !== 'function') {
        throw new RegistryError(`module must be a class, but got ${typeof module}`, { code: 'bad-module' });
      }
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
        const place = this.#placeNow();
        if (place !== undefined) this.#places.set(name, place);
      }
      return module;
    };
  }

  /** The class under a name, here or in the parent; `scope.Name` is read as `Name`. */
  get(name: string): Registrable<T> | undefined {
    const key = this.#entries.has(name) ? name : name.slice(name.lastIndexOf('.') + 1);
    return this.#entries.get(key) ?? this.#parent?.get(name);
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

  /** @throws RegistryError `unknown-type` with the nearest name. */
  getOrThrow(name: string): Registrable<T> {
    const found = this.get(name);
    if (found) return found;
    const near = nearest(name, this.names());
    throw new RegistryError(`${name} is not in the ${this.name} registry`, {
      code: 'unknown-type',
      hint: near
        ? `did you mean '${near}'?`
        : `registered are: ${this.names().sort().join(', ') || 'none'}; register your own class and list its file in custom_imports`,
    });
  }
}

/** Assert that a config value is a dict. */
export function assertDict(value: unknown, path: string): asserts value is Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const actual = value === undefined ? 'is missing' : `got ${plainRepr(value)}`;
    throw new ConfigError(`${path} must be a dict, but ${actual}`, { code: 'not-a-dict', path });
  }
}
