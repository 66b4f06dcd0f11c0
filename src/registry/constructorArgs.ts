// Which arguments a class takes: what it declares, or what the compiler read from the constructor of a person's class.

import type { Span } from '../errors/span.ts';
import type { ArgKind } from './argKinds.ts';
import type { Kind } from './args/types.ts';
import { camelToSnake, snakeToCamel } from './argNames.ts';
import type { ArgSpec } from './argSpec.ts';
import type { ModelPart } from './registryKinds.ts';

/** What a constructor says about its arguments. Names are as it has them: in camelCase. */
export interface ReadConstructor {
  /**
   * `object`: one object, taken apart into the names below; `anything`: one whose keys aren't known; `inherited`: there is
   * no constructor, so the base class's counts.
   */
  readonly takes: 'object' | 'anything' | 'inherited';
  readonly required?: readonly string[];
  readonly optional?: readonly string[];
  /** What happens to all other keys: refused, taken too, or handed to the base class. */
  readonly rest?: 'refused' | 'taken' | 'inherited';
  readonly kinds?: Readonly<Record<string, ArgKind>>;
  /** Of a constructor whose first parameter isn't known to be one object. */
  readonly parameters?: ReadParameters;
  /** Where the class's name stands. */
  readonly classPlace: Span;
}

export interface ReadParameters {
  readonly names: readonly string[];
  /** True when their number or their types say that the first one isn't an object of all arguments. */
  readonly areSideBySide: boolean;
  readonly place: Span;
}

/** A class that may say what it takes. */
export interface ClassWithArgs {
  readonly name: string;
  readonly length: number;
  readonly args?: ArgSpec;
  /** Of a class of the MODELS registry. */
  readonly part?: ModelPart;
  /** Put there by the compiler. */
  readonly constructorArgs?: ReadConstructor;
}

/** The arguments of one class by their config names. */
export interface KnownArgs {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** True when any other key is taken too. */
  readonly isOpen: boolean;
  readonly kinds: Readonly<Record<string, ArgKind | Kind<unknown>>>;
  /** The class whose list it is: a base class, perhaps. */
  readonly owner: ClassWithArgs;
  /** True when it was read from a constructor. */
  readonly isRead: boolean;
  /** Names that no config key can reach, as they hold underscores where keys arrive in camelCase. */
  readonly unreachable: readonly string[];
}

/** @returns null for a class of which nothing is known: it takes what it gets */
export function knownArgs(module: ClassWithArgs): KnownArgs | null {
  for (let owner: ClassWithArgs = module; ; owner = baseOf(owner)) {
    if (Object.hasOwn(owner, 'args')) return owner.args ? declared(owner, owner.args) : null;
    const read = ownConstructor(owner);
    if (read?.takes === 'object') return readArgs(owner, read);
    // Such a class hands on what its base declares, most likely; but what was read of a base says nothing of it.
    if (read?.takes === 'anything') return owner.args ? declared(owner, owner.args) : null;
    if (read || owner.args) continue;
    // A base class of ours that says nothing, as Hook does.
    const takesNothing = owner !== module && owner.length === 0;
    return takesNothing ? declared(owner, {}) : null;
  }
}

/** Whether a config's key is the argument of that config name. `a_1_b` reaches `a1B` too, whose config name is `a1_b`. */
export function isArgument(key: string, name: string, { isRead }: KnownArgs): boolean {
  if (key === name) return true;
  const camel = snakeToCamel(name);
  return isRead && key !== camel && snakeToCamel(key) === camel;
}

/**
 * The parameters of a constructor that takes its arguments side by side, as Python's do; null for any other.
 * @param keys the arguments that a config gives it
 */
export function sideBySide(module: ClassWithArgs, keys: readonly string[]): ReadParameters | null {
  for (let owner: ClassWithArgs = module; ; owner = baseOf(owner)) {
    const read = ownConstructor(owner);
    if (read?.takes === 'inherited') continue;
    const parameters = read?.parameters;
    if (!parameters) return null;
    const [first] = parameters.names;
    return parameters.areSideBySide || keys.some((key) => snakeToCamel(key) === first) ? parameters : null;
  }
}

/** What to say of a class that is another part than its place wants; null where it fits, or doesn't say. */
export function wrongPart(
  { part: own }: ClassWithArgs,
  type: string,
  part: ModelPart | undefined,
): { readonly code: string; readonly message: string } | null {
  if (part === undefined || own === undefined || own === part) return null;
  return { code: 'wrong-part', message: `type must be a ${part}, but ${type} is a ${own}` };
}

/** Where a class of the person's stands; undefined for one of ours. */
export function placeOfClass(module: ClassWithArgs): Span | undefined {
  return ownConstructor(module)?.classPlace;
}

function ownConstructor(module: ClassWithArgs): ReadConstructor | undefined {
  return Object.hasOwn(module, 'constructorArgs') ? module.constructorArgs : undefined;
}

function baseOf(module: ClassWithArgs): ClassWithArgs {
  return Object.getPrototypeOf(module) as ClassWithArgs;
}

function declared(owner: ClassWithArgs, spec: ArgSpec): KnownArgs {
  const { required = [], optional = [], rest = false, kinds = {} } = spec;
  return { required, optional, isOpen: rest, kinds, owner, isRead: false, unreachable: [] };
}

function readArgs(owner: ClassWithArgs, read: ReadConstructor): KnownArgs {
  const { required = [], optional = [], rest = 'refused', kinds = {} } = read;
  const names = [...required, ...optional];
  const reachable = (list: readonly string[]): string[] => list.filter(isReachable).map(camelToSnake);
  // The constructor sees to it that its base gets what it requires.
  const base = rest === 'inherited' ? knownArgs(baseOf(owner)) : null;
  const own = Object.entries(kinds).map(([name, kind]): [string, ArgKind] => [camelToSnake(name), kind]);
  return {
    required: reachable(required),
    optional: [...reachable(optional), ...(base?.required ?? []), ...(base?.optional ?? [])],
    isOpen: rest === 'taken' || (rest === 'inherited' && (base?.isOpen ?? true)),
    kinds: { ...base?.kinds, ...Object.fromEntries(own) },
    owner,
    isRead: true,
    unreachable: names.filter((name) => !isReachable(name)),
  };
}

function isReachable(name: string): boolean {
  return snakeToCamel(name) === name;
}
