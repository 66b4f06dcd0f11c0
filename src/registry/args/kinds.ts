// What a config value may be: one object a kind, from which the check, its words, the TypeScript type and the editor's
// help all come.

import { isDict } from '../../lang/plain.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { pathBelow } from '../../util/configPath.ts';
import { nearest } from '../../util/nearest.ts';
import { Tuple } from '../../util/tuple.ts';
import type { ModelPart, RegistryKind } from '../registryKinds.ts';
import type { ArgTable, DeclaredArgs, DictOf, Fault, Kind, Variants } from './types.ts';

/**
 * @param test whether a value will do
 * @param isOfType whether it is of the right type at least; default: only one that will do is
 */
export function kindOf<T>(
  label: string,
  words: string,
  test: (value: unknown) => boolean,
  isOfType = test,
): Kind<T> {
  const kind: Kind<T> = {
    label,
    words,
    isOfType,
    fault: (value) => (test(value) ? null : unmet(kind, value)),
  };
  return kind;
}

/** Everything that is wrong with a value. */
export function allFaults(kind: Kind<unknown>, value: unknown): Fault[] {
  if (kind.faults) return kind.faults(value);
  const fault = kind.fault(value);
  return fault ? [fault] : [];
}

/** A kind that looks inside. */
function deepKind<T>(kind: Omit<Kind<T>, 'fault'> & { faults(value: unknown): Fault[] }): Kind<T> {
  return { ...kind, fault: (value) => kind.faults(value).find(isRefused) ?? null };
}

function isRefused({ severity }: Fault): boolean {
  return severity === undefined;
}

/** Whether a fault is about something within the right kind of container. */
function isInside({ below, code, severity }: Fault): boolean {
  return below !== '' || (code !== 'bad-value' && code !== 'bad-type') || severity !== undefined;
}

function unmet({ words, isOfType }: Pick<Kind<unknown>, 'words' | 'isOfType'>, value: unknown): Fault {
  const code = isOfType?.(value) ? 'bad-value' : 'bad-type';
  return { below: '', at: 'value', code, says: `must be ${words}, but got ${plainRepr(value)}` };
}

const isInt = (value: unknown): value is number => Number.isSafeInteger(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value);

export const anything: Kind<unknown> = kindOf('any', 'anything', () => true);
export const int: Kind<number> = kindOf('int', 'a whole number', isInt);
/** Infinite ones too; not NaN. */
export const number: Kind<number> = kindOf('float', 'a number', isNumber);
export const bool: Kind<boolean> = kindOf(
  'bool',
  'True or False',
  (value: unknown) => typeof value === 'boolean',
);
/** As Python takes it: 0 and 1 stand for False and True. */
export const flag: Kind<boolean> = kindOf(
  'bool',
  'True or False',
  (value) => typeof value === 'boolean' || value === 0 || value === 1,
);
export const str: Kind<string> = kindOf('str', 'a string', (value) => typeof value === 'string');
export const dict: Kind<Readonly<Record<string, unknown>>> = kindOf('dict', 'a dict', isDict);

/** @example atLeast(int, 1) // a whole number of at least 1 */
export function atLeast(kind: Kind<number>, low: number): Kind<number> {
  return narrowed(kind, `${kind.label} ≥ ${low}`, `of at least ${low}`, (value) => value >= low);
}

/** @example above(number, 0) // a number greater than 0 */
export function above(kind: Kind<number>, low: number): Kind<number> {
  return narrowed(kind, `${kind.label} > ${low}`, `greater than ${low}`, (value) => value > low);
}

/** @example atMost(number, 0) // a number of at most 0 */
export function atMost(kind: Kind<number>, high: number): Kind<number> {
  return narrowed(kind, `${kind.label} ≤ ${high}`, `of at most ${high}`, (value) => value <= high);
}

/** @example lessThan(number, 100) // a number less than 100 */
export function lessThan(kind: Kind<number>, high: number): Kind<number> {
  return narrowed(kind, `${kind.label} < ${high}`, `less than ${high}`, (value) => value < high);
}

/** Both ends belong to it. @example between(number, 0, 1) // a number from 0 to 1 */
export function between(kind: Kind<number>, low: number, high: number): Kind<number> {
  return narrowed(
    kind,
    `${kind.label} ${low}…${high}`,
    `from ${low} to ${high}`,
    (value) => value >= low && value <= high,
  );
}

/** From `low` up to, but without `high`. @example below(number, 0, 1) // a number of at least 0 and less than 1 */
export function below(kind: Kind<number>, low: number, high: number): Kind<number> {
  return narrowed(
    kind,
    `${kind.label} ${low}…<${high}`,
    `of at least ${low} and less than ${high}`,
    (value) => value >= low && value < high,
  );
}

function narrowed(
  kind: Kind<number>,
  label: string,
  words: string,
  test: (value: number) => boolean,
): Kind<number> {
  return kindOf(
    label,
    `${kind.words} ${words}`,
    (value) => kind.fault(value) === null && test(Number(value)),
    kind.isOfType,
  );
}

/** @example oneOf('range', 'value') // 'range' or 'value' */
export function oneOf<const T>(...choices: readonly T[]): Kind<T> {
  const label = choices.map((choice) => plainRepr(choice)).join(' | ');
  return {
    ...kindOf<T>(
      label,
      choiceWords(choices),
      (value) => choices.some((one) => one === value),
      (value) => value !== null && choices.some((one) => typeof one === typeof value),
    ),
    choices,
  };
}

function choiceWords(choices: readonly unknown[]): string {
  const names = choices.map((choice) => plainRepr(choice));
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}` : names.join();
}

/** None will do as well. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  const words = kind.choices ? choiceWords([...kind.choices, null]) : `${kind.words} or None`;
  return deepKind<T | null>({
    ...kind,
    typeOnly: undefined,
    label: `${kind.label} | None`,
    words,
    faults: (value) =>
      value === null
        ? []
        : allFaults(kind, value).map((fault) => (isInside(fault) ? fault : unmet({ ...kind, words }, value))),
  });
}

/** What fits the first or the second. */
export function either<A, B>(first: Kind<A>, second: Kind<B>): Kind<A | B> {
  const words = `${first.words} or ${second.words}`;
  const isOfType = (value: unknown): boolean => [first, second].some((kind) => kind.isOfType?.(value));
  return deepKind<A | B>({
    label: `${first.label} | ${second.label}`,
    words,
    isOfType,
    builds: first.builds ?? second.builds,
    builtType: first.builtType ?? second.builtType,
    beside: first.beside ?? second.beside,
    gives: first.gives ?? second.gives,
    part: first.part ?? second.part,
    expand: first.expand ?? second.expand,
    keys: first.keys ?? second.keys,
    variants: first.variants ?? second.variants,
    entries: first.entries ?? second.entries,
    choices: first.choices && second.choices ? [...first.choices, ...second.choices] : undefined,
    faults: (value) => {
      const [ofFirst, ofSecond] = [allFaults(first, value), allFaults(second, value)];
      const taken = [ofFirst, ofSecond].find((faults) => !faults.some(isRefused));
      if (taken) return taken;
      // Inside the right kind of container the faults themselves say more.
      return (
        [ofFirst, ofSecond].find((faults) => faults.every(isInside)) ?? [unmet({ words, isOfType }, value)]
      );
    },
  });
}

/**
 * The same values; those that fail the test are taken with a warning.
 * @param words what a value should be, behind `must be`
 */
export function advised<T>(kind: Kind<T>, test: (value: T) => boolean, words: string, hint: string): Kind<T> {
  return deepKind<T>({
    ...kind,
    faults: (value) => {
      const faults = allFaults(kind, value);
      if (faults.length > 0 || test(value as T)) return faults;
      return [{ ...unmet({ ...kind, words }, value), severity: 'warning', hint }];
    },
  });
}

/** The same values; what is wrong with one comes with this hint where it has none. */
export function hinted<T>(kind: Kind<T>, hint: string): Kind<T> {
  return deepKind<T>({
    ...kind,
    faults: (value) => allFaults(kind, value).map((fault) => ({ hint, ...defined(fault) })),
  });
}

function defined(fault: Fault): Fault {
  const { hint, ...rest } = fault;
  return hint === undefined ? rest : fault;
}

/** A key that stands in the wrong place, where nothing reads it. @param hint where it belongs */
export function misplaced(hint: string): Kind<unknown> {
  return deepKind<unknown>({
    label: 'not here',
    words: 'left out',
    faults: () => [
      { severity: 'warning', below: '', at: 'key', code: 'misplaced-key', says: 'is read by nothing', hint },
    ],
  });
}

/** The same values in better words. @example worded(pairOf(number), 'a tuple (low, high)') */
export function worded<T>(kind: Kind<T>, words: string): Kind<T> {
  return kindOf(kind.label, words, (value) => kind.fault(value) === null, kind.isOfType);
}

/** These values, too, which mean something of their own. @example also(atLeast(int, 1), -1) */
export function also<T, const V>(kind: Kind<T>, ...values: readonly V[]): Kind<T | V> {
  return either(kind, oneOf(...values));
}

/** A list or tuple. @param length of it; default any */
export function listOf<T>(kind: Kind<T>, length?: number): Kind<readonly T[]> {
  const words = `a list or tuple of ${length === undefined ? '' : `${length} `}${plural(kind.words)}`;
  const label =
    length === undefined ? `list of ${kind.label}` : `(${Array(length).fill(kind.label).join(', ')})`;
  const isOfType = areOfType(kind);
  return deepKind<readonly T[]>({
    ...kind,
    typeOnly: undefined,
    choices: undefined,
    label,
    words,
    isOfType,
    faults: (value) => {
      if (!Array.isArray(value) || (length !== undefined && value.length !== length))
        return [unmet({ words, isOfType }, value)];
      const faults = value.flatMap((entry, i) =>
        allFaults(kind, entry).map((fault) => ({
          ...fault,
          below: `[${i}]${fault.below}`,
          // Of a dict in a list the place says more than the list.
          isOwn: kind.label !== dict.label && !isInside(fault),
        })),
      );
      return faults.some(({ isOwn }) => isOwn)
        ? [unmet({ words, isOfType }, value)]
        : faults.map(({ isOwn: _, ...fault }) => fault);
    },
  });
}

function areOfType(kind: Kind<unknown>): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every((entry) => kind.isOfType?.(entry));
}

/** A list or tuple of two of them. */
export function pairOf<T>(kind: Kind<T>): Kind<readonly [T, T]> {
  const words = `a list or tuple of two ${plural(kind.words)}`;
  const isPair = (value: unknown): boolean =>
    Array.isArray(value) && value.length === 2 && value.every((entry) => kind.fault(entry) === null);
  return kindOf(`(${kind.label}, ${kind.label})`, words, isPair, areOfType(kind));
}

/** A tuple as Python tells it from a list, of two of them. */
export function tuplePairOf<T>(kind: Kind<T>): Kind<readonly [T, T]> {
  const inner = pairOf(kind);
  const words = `a tuple of two ${plural(kind.words)}`;
  return kindOf(
    inner.label,
    words,
    (value) => value instanceof Tuple && inner.fault(value) === null,
    (value) => value instanceof Tuple && areOfType(kind)(value),
  );
}

/** One of them, or a list or tuple of them. */
export function oneOrMore<T>(kind: Kind<T>): Kind<T | readonly T[]> {
  return either(kind, listOf(kind));
}

/** What is special about a dict that something is built from. */
export interface BuiltOptions {
  readonly part?: ModelPart;
  readonly expand?: (cfg: unknown) => unknown;
  /** The type of a dict that names none. */
  readonly builtType?: string;
  /** Keys beside the class's arguments. */
  readonly beside?: DeclaredArgs;
}

/**
 * A dict that a registered class is built from.
 * @param gives config names of arguments that are added when it is built
 */
export function built(
  kind: RegistryKind,
  gives: readonly string[] = [],
  more: BuiltOptions = {},
): Kind<Readonly<Record<string, unknown>>> {
  const { beside } = more;
  return deepKind<Readonly<Record<string, unknown>>>({
    label: dict.label,
    words: dict.words,
    isOfType: isDict,
    builds: kind,
    gives,
    ...more,
    faults: (value) => {
      if (!isDict(value)) return [unmet(dict, value)];
      if (!beside) return [];
      const own = Object.entries(value).filter(([key]) => Object.hasOwn(beside.kinds, key));
      return beside.faults(Object.fromEntries(own));
    },
  });
}

/** A dict whose keys are declared; others are refused. */
export function dictOf<D extends ArgTable>(keys: DeclaredArgs<D>): Kind<DictOf<D>> {
  return deepKind<DictOf<D>>({
    label: dict.label,
    words: dict.words,
    isOfType: isDict,
    keys,
    faults: (value) => (isDict(value) ? keys.faults(value) : [unmet(dict, value)]),
  });
}

/** A dict whose keys are a person's choice; those of its values that are dicts have these keys. */
export function dictsOf(entries: DeclaredArgs): Kind<Readonly<Record<string, unknown>>> {
  return deepKind<Readonly<Record<string, unknown>>>({
    label: dict.label,
    words: dict.words,
    isOfType: isDict,
    entries,
    faults: (value) => {
      if (!isDict(value)) return [unmet(dict, value)];
      return Object.entries(value).flatMap(([key, entry]) => {
        const faults = isDict(entry) ? entries.faults(entry) : [];
        return faults.map((fault) => ({ ...fault, below: `${pathBelow('_', key).slice(1)}${fault.below}` }));
      });
    },
  });
}

/**
 * A dict whose `type` says which other keys it takes, where a function rather than a registry makes something of it.
 * @param fallback the type of a dict that names none
 */
export function dictByType(
  tables: Variants['tables'],
  fallback?: string,
): Kind<Readonly<Record<string, unknown>>> {
  return dictBy({ by: 'type', tables, fallback });
}

/** A dict one of whose keys says which others it takes. */
export function dictBy(variants: Variants): Kind<Readonly<Record<string, unknown>>> {
  const { by, tables, fallback, nameOf = (written) => written, isOpen = false } = variants;
  const names = Object.keys(tables);
  const choices = oneOf(...names);
  return deepKind<Readonly<Record<string, unknown>>>({
    label: dict.label,
    words: dict.words,
    isOfType: isDict,
    variants,
    faults: (value) => {
      if (!isDict(value)) return [unmet(dict, value)];
      const { [by]: written = fallback, ...rest } = value;
      if (written === undefined) {
        const slip = nearest(by, Object.keys(rest));
        if (slip !== undefined) return [unknownKey(slip, `did you mean '${by}'?`)];
        return [missing(by, `write ${by}=${names.length > 1 ? '…, one of ' : ''}${choices.words}`)];
      }
      const keys = variantOf(variants, written);
      if (keys) {
        const isSlip = ({ at, below }: Fault): boolean =>
          at === 'key' && nearest(below.slice(1), [by, ...Object.keys(keys.kinds)]) === by;
        return keys
          .faults(rest)
          .map((fault) => (isSlip(fault) ? { ...fault, hint: `did you mean '${by}'?` } : fault));
      }
      if (isOpen && typeof written === 'string') return [];
      const near = typeof written === 'string' ? nearest(nameOf(written), names) : undefined;
      const hint = near === undefined ? undefined : `did you mean '${near}'?`;
      return [{ ...unmet(choices, written), below: `.${by}`, code: 'unknown-type', hint }];
    },
  });
}

/** The keys that a name stands for; undefined where there are none. */
export function variantOf(
  { tables, nameOf = (name) => name }: Variants,
  written: unknown,
): DeclaredArgs | undefined {
  const name = typeof written === 'string' ? nameOf(written) : '';
  return Object.hasOwn(tables, name) ? tables[name] : undefined;
}

function unknownKey(key: string, hint: string): Fault {
  return { below: `.${key}`, at: 'key', code: 'unknown-argument', says: 'is not a key here', hint };
}

function missing(key: string, hint: string): Fault {
  return { below: '', at: 'value', code: 'missing-argument', says: `must have ${key}`, hint };
}

/** What MMDetection has and tabtrain hasn't; values that change nothing will do. */
export function unsupported(...harmless: readonly unknown[]): Kind<unknown> {
  const test = (value: unknown): boolean =>
    value === null || value === undefined || harmless.some((one) => one === value);
  return {
    label: 'not supported',
    words: 'left out',
    fault: (value) =>
      test(value)
        ? null
        : {
            below: '',
            at: 'key',
            code: 'unsupported',
            says: `=${plainRepr(value)} is not supported`,
            hint: 'leave it out',
          },
  };
}

/** @example plural('a whole number of at least 1') // 'whole numbers of at least 1' */
function plural(words: string): string {
  const match = /^an? (\S+(?: number)?|list or tuple|tuple)\b(.*)$/.exec(words);
  if (!match) return words;
  const [, noun = '', rest = ''] = match;
  if (noun === 'list or tuple') return `lists or tuples${rest}`;
  return `${noun}s${rest}`;
}
