// The parts of an argument's declaration.

import type { ModelPart, RegistryKind } from '../registryKinds.ts';

/** What is wrong with a value, or with something inside it. */
export interface Fault {
  /** Below the value: `.max_norm`, `[2]`; empty for the value itself. */
  readonly below: string;
  readonly at: 'key' | 'value';
  readonly code:
    | 'bad-value'
    | 'bad-type'
    | 'unknown-argument'
    | 'missing-argument'
    | 'unknown-type'
    | 'unsupported'
    | 'unread-key'
    | 'misplaced-key';
  /** Set where the value is taken all the same. */
  readonly severity?: 'warning';
  /** What follows the subject: `must be a whole number, but got 'a'`. */
  readonly says: string;
  readonly hint?: string;
}

/**
 * The values that an argument takes.
 * @typeParam T their TypeScript type
 */
export interface Kind<T> {
  /** What a value must be: `a whole number of at least 1`. */
  readonly words: string;
  /** The same, short, for tables and hover: `int ≥ 1`. */
  readonly label: string;
  /** Null for a value that will do. */
  fault(value: unknown): Fault | null;
  /** Whether a value is of the right Python type, whatever else is wrong with it: ValueError, not TypeError; absent: none else is. */
  isOfType?(value: unknown): boolean;
  /** Everything that is wrong inside a dict or list; absent: `fault` says all there is. */
  faults?(value: unknown): Fault[];
  /** All values there are, for completion. */
  readonly choices?: readonly unknown[];
  /** A dict with a `type` of this registry is built from it (or from each of a list). */
  readonly builds?: RegistryKind;
  /** The `type` of such a dict that names none. */
  readonly builtType?: string;
  /** Keys beside the class's arguments, which whoever builds it takes out first. */
  readonly beside?: DeclaredArgs;
  /** Arguments that whoever builds it adds, so that the dict needn't have them. */
  readonly gives?: readonly string[];
  /** Of MODELS: which classes fit. */
  readonly part?: ModelPart;
  /** From a short form to the dict that is built. */
  readonly expand?: (cfg: unknown) => unknown;
  /** The keys of a dict whose keys are declared. */
  readonly keys?: DeclaredArgs;
  /** The keys of a dict by its `type` (or `policy`), which isn't among them. */
  readonly variants?: Variants;
  /** The keys of a dict's dicts, whose own keys are a person's choice. */
  readonly entries?: DeclaredArgs;
  /** Only in types. */
  readonly typeOnly?: T;
}

/** Which keys a dict takes, by what one of its keys says. */
export interface Variants {
  /** That key: `type`. */
  readonly by: string;
  readonly tables: Readonly<Record<string, DeclaredArgs>>;
  /** Where that key is left out. */
  readonly fallback?: string;
  /** From what the key says to a name in the tables; default: the same. */
  readonly nameOf?: (written: string) => string;
  /** Whether other names may stand for something else. */
  readonly isOpen?: boolean;
}

/** One argument of a registered class, or one key of a config's section. */
export interface Arg<T, Required extends boolean = boolean> {
  readonly kind: Kind<T>;
  readonly isRequired: Required;
  /** Used where the config says nothing; undefined: the class decides by what else it got. */
  readonly default?: T;
  /** One sentence: what it does. */
  readonly help: string;
  /** Of its numbers: `px`, `epochs`, `iterations or epochs`. */
  readonly unit?: string;
}

/** By config name (snake_case). */
export type ArgTable = Readonly<Record<string, Arg<never> | Arg<unknown>>>;

/** What the table of one class comes to; fits wherever an `ArgSpec` does. */
export interface DeclaredArgs<D extends ArgTable = ArgTable> {
  readonly table: D;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** True when unknown keys are handed on (`**kwargs`), or nothing reads them. */
  readonly rest: boolean;
  readonly kinds: Readonly<Record<string, Kind<unknown>>>;
  /** Everything that is wrong with a dict of these arguments. */
  faults(values: Readonly<Record<string, unknown>>): Fault[];
}

export type ValueOf<A> = A extends Arg<infer T> ? T : never;
export type RequiredNames<D> = {
  [K in keyof D]: D[K] extends Arg<never, true> | Arg<unknown, true> ? K : never;
}[keyof D];

/** A dict of these keys, as the config has it: in snake_case. */
export type DictOf<D> = { readonly [K in RequiredNames<D> & string]: ValueOf<D[K]> } & {
  readonly [K in Exclude<keyof D & string, RequiredNames<D>>]?: ValueOf<D[K]>;
};
