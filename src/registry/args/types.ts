// The parts of an argument's declaration.

import type { RegistryKind } from '../registryKinds.ts';

/** What is wrong with a value, or with something inside it. */
export interface Fault {
  /** Below the value: `.max_norm`, `[2]`; empty for the value itself. */
  readonly below: string;
  readonly at: 'key' | 'value';
  readonly code: 'bad-value' | 'unknown-argument' | 'missing-argument' | 'unsupported';
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
  /** All values there are, for completion. */
  readonly choices?: readonly unknown[];
  /** A dict with a `type` of this registry is built from it (or from each of a list). */
  readonly builds?: RegistryKind;
  /** Arguments that whoever builds it adds, so that the dict needn't have them. */
  readonly gives?: readonly string[];
  /** The keys of a dict whose keys are declared. */
  readonly keys?: DeclaredArgs;
  /** Only in types. */
  readonly typeOnly?: T;
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
  /** True when unknown keys are handed on (`**kwargs`). */
  readonly rest: boolean;
  readonly kinds: Readonly<Record<string, Kind<unknown>>>;
  /** Everything that is wrong with a dict of these arguments. */
  faults(values: Readonly<Record<string, unknown>>): Fault[];
}
