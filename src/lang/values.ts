// The values the evaluator computes with. They are closer to Python than to JavaScript: a float is told from an int,
// containers are shared by reference, and every entry of a container remembers where it was written.
// `exportValue.ts` turns the finished ones into plain data.

import { PyError, type Range } from './pyError.ts';
import type { Expr, Stmt, Param } from './ast.ts';

/** A value in a container, with the place it was written at. */
export interface Cell {
  v: Value;
  r: Range | null;
  /** Where its key, keyword or name was written. */
  k?: Range | null;
}

/** A Python float; a bare JavaScript number is an int. */
export class PyFloat {
  constructor(n: number) {
    this.n = n;
  }
  readonly n: number;
}
export class PyList {
  items: Cell[];
  constructor(items: Cell[]) {
    this.items = items;
  }
}
export class PyTuple {
  readonly items: readonly Cell[];
  constructor(items: readonly Cell[]) {
    this.items = items;
  }
}
export interface DictEntry extends Cell {
  readonly key: Value;
}
export class PyDict {
  readonly map = new Map<string, DictEntry>();
  get(key: Value): DictEntry | undefined {
    return this.map.get(hashKey(key));
  }
  set(key: Value, v: Value, r: Range | null, k: Range | null = null): void {
    const hash = hashKey(key);
    const old = this.map.get(hash);
    if (old) {
      old.v = v;
      old.r = r;
      old.k = k;
    } else this.map.set(hash, { key, v, r, k });
  }
  delete(key: Value): boolean {
    return this.map.delete(hashKey(key));
  }
  entries(): DictEntry[] {
    return [...this.map.values()];
  }
}
export class PySet {
  readonly map = new Map<string, Cell>();
  readonly isFrozen: boolean;
  constructor(cells: Iterable<Cell> = [], isFrozen = false) {
    this.isFrozen = isFrozen;
    for (const cell of cells) this.add(cell);
  }
  add(cell: Cell): void {
    const hash = hashKey(cell.v);
    if (!this.map.has(hash)) this.map.set(hash, cell);
  }
  has(value: Value): boolean {
    return this.map.has(hashKey(value));
  }
}
export class PyRange {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }
}
/** A generator, zip, enumerate, map or reversed object: its cells are computed ahead, and can be taken once. */
export class PyIterator {
  readonly typeName: string;
  readonly cells: Cell[];
  position = 0;
  constructor(typeName: string, cells: Cell[]) {
    this.typeName = typeName;
    this.cells = cells;
  }
}
export class PyBytes {
  /** One character per byte. */
  readonly latin1: string;
  constructor(latin1: string) {
    this.latin1 = latin1;
  }
}
export class PySlice {
  readonly start: Value;
  readonly stop: Value;
  readonly step: Value;
  constructor(start: Value, stop: Value, step: Value) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}
export class PyFunction {
  readonly name: string;
  readonly params: readonly Param[];
  readonly defaults: ReadonlyMap<string, Value>;
  readonly body: { readonly expr: Expr } | { readonly stmts: readonly Stmt[] };
  readonly scope: Scope;
  constructor(
    name: string,
    params: readonly Param[],
    defaults: ReadonlyMap<string, Value>,
    body: PyFunction['body'],
    scope: Scope,
  ) {
    this.name = name;
    this.params = params;
    this.defaults = defaults;
    this.body = body;
    this.scope = scope;
  }
}
/** The value of `...`. */
export class PyEllipsis {
  readonly isEllipsis = true;
}
/** What a call hands to a builtin. */
export interface CallArgs {
  readonly pos: readonly Cell[];
  readonly kw: ReadonlyMap<string, Cell>;
  /** Place of the call. */
  readonly range: Range;
  /** Call any Python callable (for `key=` arguments and the like). */
  readonly call: (fn: Value, args: readonly Value[]) => Value;
}
export type BuiltinBody = (args: CallArgs) => Value;
/**
 * A function of ours. A `type` is a class such as `dict`, usable in isinstance; a `python` one is written in Python there
 * (`os.path.join`), which MMCV leaves out of the config.
 */
export class PyBuiltin {
  readonly name: string;
  readonly run: BuiltinBody;
  readonly kind: 'builtin' | 'type' | 'python';
  constructor(name: string, run: BuiltinBody, kind: PyBuiltin['kind'] = 'builtin') {
    this.name = name;
    this.run = run;
    this.kind = kind;
  }
}
export class PyModule {
  readonly name: string;
  readonly members: ReadonlyMap<string, Value>;
  constructor(name: string, members: ReadonlyMap<string, Value>) {
    this.name = name;
    this.members = members;
  }
}
/** A `class` statement: a bag of attributes. Instances aren't needed in configs and can't be made. */
export class PyClass {
  readonly name: string;
  readonly attributes: Scope;
  constructor(name: string, attributes: Scope) {
    this.name = name;
    this.attributes = attributes;
  }
}
/** An exception class (`ValueError`) or, with a message, an instance of it. */
export class PyException {
  readonly name: string;
  readonly message: string | null;
  constructor(name: string, message: string | null) {
    this.name = name;
    this.message = message;
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | PyList
  | PyTuple
  | PyDict
  | PySet
  | PyRange
  | PyIterator
  | PyBytes
  | PySlice
  | PyFunction
  | PyBuiltin
  | PyModule
  | PyClass
  | PyException
  | PyEllipsis;

/** What `globals()` gives: setting and deleting its entries does so to the names of the module. */
export class PyNamespace extends PyDict {
  readonly #scope: Scope;
  constructor(scope: Scope) {
    super();
    this.#scope = scope;
    this.refresh();
  }
  /** Take over the names as they are now. */
  refresh(): this {
    this.map.clear();
    for (const [name, cell] of this.#scope.cells) super.set(name, cell.v, cell.r, cell.k);
    return this;
  }
  override set(key: Value, v: Value, r: Range | null, k: Range | null = null): void {
    super.set(key, v, r, k);
    if (typeof key !== 'string') return;
    this.#scope.poisoned.delete(key);
    this.#scope.cells.set(key, k ? { v, r, k } : { v, r });
  }
  override delete(key: Value): boolean {
    if (typeof key === 'string') this.#scope.cells.delete(key);
    return super.delete(key);
  }
}

/** Names of one module, function, class body or comprehension. */
export class Scope {
  readonly cells = new Map<string, Cell>();
  readonly parent: Scope | null;
  /** Names declared `global` here. */
  readonly globals = new Set<string>();
  /** Names whose statement failed: using them says nothing new. */
  readonly poisoned = new Set<string>();
  #namespace: PyNamespace | null = null;
  constructor(parent: Scope | null) {
    this.parent = parent;
  }
  get root(): Scope {
    return this.parent ? this.parent.root : this;
  }
  /** The names as a dict; one and the same at each call. */
  get namespace(): PyNamespace {
    this.#namespace ??= new PyNamespace(this);
    return this.#namespace.refresh();
  }
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
    case 'bigint':
      return 'int';
    case 'string':
      return 'str';
  }
  if (value instanceof PyFloat) return 'float';
  if (value instanceof PyList) return 'list';
  if (value instanceof PyTuple) return 'tuple';
  if (value instanceof PyDict) return 'dict';
  if (value instanceof PySet) return value.isFrozen ? 'frozenset' : 'set';
  if (value instanceof PyRange) return 'range';
  if (value instanceof PyIterator) return value.typeName;
  if (value instanceof PyBytes) return 'bytes';
  if (value instanceof PySlice) return 'slice';
  if (value instanceof PyFunction) return 'function';
  if (value instanceof PyBuiltin) {
    return value.kind === 'type'
      ? 'type'
      : value.kind === 'python'
        ? 'function'
        : 'builtin_function_or_method';
  }
  if (value instanceof PyModule) return 'module';
  if (value instanceof PyEllipsis) return 'ellipsis';
  if (value instanceof PyException) return value.message === null ? 'type' : value.name;
  return 'type';
}

/** A text that is equal exactly for keys that Python's dict holds equal (1, 1.0 and True are one key). */
export function hashKey(value: Value): string {
  if (typeof value === 'string') return `s${value}`;
  if (value === null) return 'N';
  if (typeof value === 'boolean') return value ? 'n1' : 'n0';
  if (typeof value === 'number' || typeof value === 'bigint') return `n${String(value)}`;
  if (value instanceof PyFloat) {
    const big = Number.isInteger(value.n) && !Number.isSafeInteger(value.n);
    return `n${big ? BigInt(value.n) : value.n === 0 ? 0 : value.n}`;
  }
  if (value instanceof PyTuple) return `t${JSON.stringify(value.items.map((c) => hashKey(c.v)))}`;
  if (value instanceof PyBytes) return `b${value.latin1}`;
  if (value instanceof PySet && value.isFrozen) return `f${JSON.stringify([...value.map.keys()].sort())}`;
  if (value instanceof PyBuiltin) return `B${value.name}`;
  if (value instanceof PyException) return `E${value.name}`;
  throw new PyError('TypeError', `a dict key or set item must be hashable, but got a ${typeName(value)}`, {
    hint: typeName(value) === 'list' ? 'use a tuple (…) instead of a list' : undefined,
  });
}

/** Python's truth of a value. */
export function isTruthy(value: Value): boolean {
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'string') return value !== '';
  if (value instanceof PyFloat) return value.n !== 0;
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length > 0;
  if (value instanceof PyDict || value instanceof PySet) return value.map.size > 0;
  if (value instanceof PyRange) return value.length > 0;
  if (value instanceof PyBytes) return value.latin1 !== '';
  return true;
}
