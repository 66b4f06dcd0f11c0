// Arguments stated once: the class's constructor gets its type from here, the config its checks, FEATURES.md its tables,
// the editor its completion.

import { nearest } from '../../util/nearest.ts';
import { snakeToCamel } from '../argNames.ts';
import { allFaults } from './kinds.ts';
import type { Arg, ArgTable, DeclaredArgs, DictOf, Fault, Kind, RequiredNames, ValueOf } from './types.ts';

/** @param help one sentence */
export function required<T>(kind: Kind<T>, help: string, unit?: string): Arg<T, true> {
  return { kind, isRequired: true, help, unit };
}

/** @param fallback used where the config says nothing; undefined: the class decides @param help one sentence */
export function optional<T>(kind: Kind<T>, fallback: NoInfer<T>, help: string, unit?: string): Arg<T, false> {
  return { kind, isRequired: false, default: fallback, help, unit };
}

/** An argument whose absence means something that no value does. @param help one sentence */
export function absent<T>(kind: Kind<T>, help: string, unit?: string): Arg<T | undefined, false> {
  return { kind, isRequired: false, help, unit };
}

export interface DeclareOptions {
  /** Unknown keys are handed on (`**kwargs`). */
  readonly rest?: boolean;
  /** Nothing reads unknown keys: a warning for each, or for those that look like a slip. */
  readonly unread?: 'all' | 'slips';
  /** Keys that are no slip, though nothing here reads them: MMDetection's. */
  readonly known?: readonly string[];
}

/**
 * Declare the arguments of a class or the keys of a section.
 * @example
 * const ARGS = declareArgs({
 *   interval: optional(atLeast(int, 1), 10, 'How often to log.', 'iterations'),
 * });
 * class MyHook extends Hook {
 *   static readonly args = ARGS;
 *   constructor(args: ArgsOf<typeof ARGS>) {
 *     super();
 *     const { interval } = withDefaults(ARGS, args);
 *   }
 * }
 */
export function declareArgs<const D extends ArgTable>(
  table: D,
  options: DeclareOptions = {},
): DeclaredArgs<D> {
  const names = Object.keys(table);
  const { unread, rest = unread !== undefined } = options;
  const kinds = Object.fromEntries(names.map((name) => [name, table[name]?.kind as Kind<unknown>]));
  const isRequired = (name: string): boolean => table[name]?.isRequired === true;
  const declared: DeclaredArgs<D> = {
    table,
    required: names.filter(isRequired),
    optional: names.filter((name) => !isRequired(name)),
    rest,
    kinds,
    faults: (values) => tableFaults(declared, values, options),
  };
  return declared;
}

function tableFaults(
  args: DeclaredArgs,
  values: Readonly<Record<string, unknown>>,
  { unread, known = [] }: DeclareOptions,
): Fault[] {
  const { kinds, rest } = args;
  const faults: Fault[] = [];
  const meant = new Set<string | undefined>();
  for (const [key, value] of Object.entries(values)) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind) {
      const own = value === undefined ? [] : allFaults(kind, value);
      faults.push(...own.map((fault) => ({ ...fault, below: `.${key}${fault.below}` })));
    } else if (unread !== undefined) {
      if (!known.includes(key)) faults.push(...unreadKey(key, [...Object.keys(kinds), ...known], unread));
    } else if (!rest) {
      const hint = nameHint(key, Object.keys(kinds));
      meant.add(nearest(key, Object.keys(kinds)));
      faults.push({ below: `.${key}`, at: 'key', code: 'unknown-argument', says: 'is not a key here', hint });
    }
  }
  for (const name of args.required) {
    // Of a slip the key says enough.
    if (values[name] === undefined && !meant.has(name))
      faults.push({
        below: '',
        at: 'value',
        code: 'missing-argument',
        says: `must have ${name}`,
        hint: `write ${name}=…`,
      });
  }
  return faults;
}

function nameHint(key: string, names: readonly string[]): string {
  const near = nearest(key, names);
  return near === undefined ? `it takes: ${names.join(', ')}` : `did you mean '${near}'?`;
}

/** A key of a person's own is no slip where it has little in common with any other. */
function unreadKey(key: string, names: readonly string[], unread: 'all' | 'slips'): Fault[] {
  const isSlip = nearest(key, names, key.length < 6 ? 1 : 2) !== undefined;
  if (unread === 'slips' && !isSlip) return [];
  const hint = nameHint(key, names);
  return [
    {
      severity: 'warning',
      below: `.${key}`,
      at: 'key',
      code: 'unread-key',
      says: 'is read by nothing',
      hint,
    },
  ];
}

/** `norm_cfg` -> `normCfg`, as {@link snakeToCamel} does. */
export type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

/** What a constructor gets, in camelCase; what has a default may be left out. */
export type ArgsOf<A> =
  A extends DeclaredArgs<infer D>
    ? { readonly [K in RequiredNames<D> & string as Camel<K>]: ValueOf<D[K]> } & {
        readonly [K in Exclude<keyof D & string, RequiredNames<D>> as Camel<K>]?: ValueOf<D[K]>;
      }
    : never;

/** {@link ArgsOf} with every default in its place. */
export type Complete<A> =
  A extends DeclaredArgs<infer D> ? { readonly [K in keyof D & string as Camel<K>]: ValueOf<D[K]> } : never;

/** The arguments with the defaults of those that were left out. */
export function withDefaults<D extends ArgTable>(
  declared: DeclaredArgs<D>,
  args: NoInfer<ArgsOf<DeclaredArgs<D>>>,
): Complete<DeclaredArgs<D>> {
  const complete: Record<string, unknown> = { ...args };
  for (const [name, { default: fallback }] of Object.entries(declared.table)) {
    const key = snakeToCamel(name);
    if (complete[key] === undefined) complete[key] = fallback;
  }
  // Keys and kinds are those of the table: buildFromCfg has checked what a config gives.
  return complete as Complete<DeclaredArgs<D>>;
}

/** The keys of a dict with the defaults of those that it leaves out, in snake_case. */
export function dictWithDefaults<D extends ArgTable>(
  { table }: DeclaredArgs<D>,
  dict: NoInfer<DictOf<D>>,
): { readonly [K in keyof D & string]: ValueOf<D[K]> } {
  const complete: Record<string, unknown> = { ...dict };
  for (const [key, { default: fallback }] of Object.entries(table))
    if (complete[key] === undefined) complete[key] = fallback;
  // Keys and kinds are those of the table: buildFromCfg has checked what a config gives.
  return complete as { readonly [K in keyof D & string]: ValueOf<D[K]> };
}
