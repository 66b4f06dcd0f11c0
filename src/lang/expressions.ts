// Evaluates expressions, assigns to targets, calls functions.

import type { Argument, BinaryOp, CompClause, Expr, FormatPart, Param, Stmt } from './ast.ts';
import { BUILTINS } from './builtins.ts';
import { formatValue } from './format.ts';
import { checkStringChars, MAX_DEPTH, spend } from './limits.ts';
import { methodNames, methodOf } from './methods.ts';
import { asInt, smallest } from './numbers.ts';
import { binary, compare } from './operators.ts';
import { Poisoned, PyError, type Range } from './pyError.ts';
import { repr, str } from './repr.ts';
import { getItem, iterate } from './sequences.ts';
import { assignTarget, bindParameters, defineName, removeTarget } from './targets.ts';
import { nearest } from '../util/nearest.ts';
import {
  type CallArgs,
  type Cell,
  isTruthy,
  PyBuiltin,
  PyBytes,
  PyClass,
  PyDict,
  PyEllipsis,
  PyException,
  PyFloat,
  PyFunction,
  PyIterator,
  PyList,
  PyModule,
  PySet,
  PySlice,
  PyTuple,
  Scope,
  typeName,
  type Value,
} from './values.ts';
import { typeMethodOf } from './typeMethods.ts';
import { at as itemAt } from '../util/at.ts';

/** What other languages call Python's constants. */
const FOREIGN: Readonly<Record<string, string>> = {
  true: 'True', false: 'False', null: 'None', none: 'None', undefined: 'None', nil: 'None', NULL: 'None',
  nan: "float('nan')", inf: "float('inf')", Infinity: "float('inf')", NaN: "float('nan')",
}; // prettier-ignore

export abstract class ExpressionEvaluator {
  readonly errors: PyError[] = [];
  /** While true, an entry of a display or call that fails is reported and its neighbours are still evaluated. */
  protected isCollecting = false;
  #depth = 0;

  protected abstract runBody(body: readonly Stmt[], scope: Scope): Value;

  /** Note an error; `Poisoned` has been noted before. Anything else is a bug of ours and goes on. */
  protected report(error: unknown, at: Range): void {
    if (error instanceof Poisoned) return;
    if (error instanceof RangeError) {
      // The JavaScript stack overflowed before our own limit: same meaning.
      this.errors.push(new PyError('RecursionError', 'the config is nested too deeply', { range: at }));
      return;
    }
    if (!(error instanceof PyError)) throw error;
    error.range ??= at;
    this.errors.push(error);
  }

  /** Evaluate, and keep the place for the container that takes the value. */
  protected cell(expr: Expr, scope: Scope): Cell {
    return { v: this.evaluate(expr, scope), r: expr };
  }

  protected evaluate(expr: Expr, scope: Scope): Value {
    spend(1);
    if (++this.#depth > MAX_DEPTH) {
      this.#depth -= 1;
      throw new PyError('RecursionError', `calls and expressions must be nested at most ${MAX_DEPTH} deep`, {
        range: expr,
      });
    }
    try {
      return this.#value(expr, scope);
    } catch (error) {
      if (error instanceof PyError) error.range ??= { from: expr.from, to: expr.to };
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  protected binary(op: BinaryOp, left: Value, right: Value): Value {
    return binary(op, left, right);
  }

  #value(expr: Expr, scope: Scope): Value {
    switch (expr.kind) {
      case 'literal':
        return literalValue(expr.literal);
      case 'format':
        return this.#format(expr.parts, scope);
      case 'name':
        return this.#name(expr.name, scope);
      case 'list':
        return new PyList(this.#items(expr.items, scope));
      case 'tuple':
        return new PyTuple(this.#items(expr.items, scope));
      case 'set':
        return new PySet(this.#items(expr.items, scope));
      case 'dict':
        return this.#dict(expr.entries, scope);
      case 'comprehension':
        return this.#comprehension(expr, scope);
      case 'unary':
        return unary(expr.op, this.evaluate(expr.operand, scope));
      case 'binary':
        return binary(expr.op, this.evaluate(expr.left, scope), this.evaluate(expr.right, scope));
      case 'bool': {
        const left = this.evaluate(expr.left, scope);
        return isTruthy(left) === (expr.op === 'or') ? left : this.evaluate(expr.right, scope);
      }
      case 'compare': {
        let left = this.evaluate(expr.left, scope);
        for (const { op, right } of expr.rest) {
          const value = this.evaluate(right, scope);
          if (!compare(op, left, value)) return false;
          left = value;
        }
        return true;
      }
      case 'conditional':
        return this.evaluate(isTruthy(this.evaluate(expr.test, scope)) ? expr.then : expr.otherwise, scope);
      case 'lambda':
        return new PyFunction(
          '<lambda>',
          expr.params,
          this.defaults(expr.params, scope),
          { expr: expr.body },
          scope,
        );
      case 'call':
        return this.#call(expr, scope);
      case 'attribute':
        return this.#attribute(this.evaluate(expr.object, scope), expr.name, expr.nameRange);
      case 'subscript':
        return getItem(this.evaluate(expr.object, scope), this.evaluate(expr.index, scope));
      case 'slice': {
        const part = (e: Expr | null): Value => (e ? this.evaluate(e, scope) : null);
        return new PySlice(part(expr.start), part(expr.stop), part(expr.step));
      }
      case 'walrus': {
        const cell = this.cell(expr.value, scope);
        this.define(expr.name, { ...cell, k: { from: expr.from, to: expr.from + expr.name.length } }, scope);
        return cell.v;
      }
      case 'star':
        throw new PyError('SyntaxError', "'*' can only stand inside a list, a tuple or a call");
    }
  }

  /** Evaluate entries one by one; while collecting, report each that fails before giving up. */
  #each<T>(items: readonly T[], at: (item: T) => Range, run: (item: T) => void): void {
    let isPoisoned = false;
    for (const item of items) {
      if (!this.isCollecting) run(item);
      else {
        try {
          run(item);
        } catch (error) {
          if (!(error instanceof Poisoned)) this.report(error, at(item));
          if (error instanceof PyError && error.exception === 'TimeoutError') throw new Poisoned();
          isPoisoned = true;
        }
      }
    }
    if (isPoisoned) throw new Poisoned();
  }

  #items(exprs: readonly Expr[], scope: Scope): Cell[] {
    const cells: Cell[] = [];
    this.#each(
      exprs,
      (e) => e,
      (e) => {
        if (e.kind !== 'star') cells.push(this.cell(e, scope));
        else for (const c of iterate(this.evaluate(e.value, scope))) cells.push({ v: c.v, r: c.r ?? e });
      },
    );
    return cells;
  }

  #dict(entries: readonly { readonly key: Expr | null; readonly value: Expr }[], scope: Scope): PyDict {
    const dict = new PyDict();
    this.#each(
      entries,
      (e) => e.value,
      ({ key, value }) => {
        if (key) {
          const keyValue = this.evaluate(key, scope);
          dict.set(keyValue, this.evaluate(value, scope), value, key);
          return;
        }
        const other = this.evaluate(value, scope);
        if (!(other instanceof PyDict)) {
          throw new PyError('TypeError', `'**' needs a dict, but got a ${typeName(other)}`, { range: value });
        }
        for (const e of other.entries()) dict.set(e.key, e.v, e.r, e.k);
      },
    );
    return dict;
  }

  #comprehension(expr: Extract<Expr, { kind: 'comprehension' }>, scope: Scope): Value {
    const wasCollecting = this.isCollecting;
    this.isCollecting = false;
    const inner = new Scope(scope);
    const cells: Cell[] = [];
    const dict = new PyDict();
    const run = (clauses: readonly CompClause[]): void => {
      const [clause, ...rest] = clauses;
      if (!clause) {
        spend(1);
        if (expr.key)
          dict.set(
            this.evaluate(expr.key, inner),
            this.evaluate(expr.element, inner),
            expr.element,
            expr.key,
          );
        else cells.push(this.cell(expr.element, inner));
        return;
      }
      for (const cell of iterate(this.evaluate(clause.iter, inner))) {
        this.assign(clause.target, cell, inner);
        if (clause.conditions.every((c) => isTruthy(this.evaluate(c, inner)))) run(rest);
      }
    };
    run(expr.clauses);
    this.isCollecting = wasCollecting;
    switch (expr.form) {
      case 'list':
        return new PyList(cells);
      case 'set':
        return new PySet(cells);
      case 'dict':
        return dict;
      case 'generator':
        return new PyIterator('generator', cells);
    }
  }

  #format(parts: readonly FormatPart[], scope: Scope): string {
    let out = '';
    for (const part of parts) {
      if ('text' in part) out += part.text;
      else {
        const value = this.evaluate(part.expr, scope);
        const shown: Value =
          part.conversion === '' ? value : part.conversion === 's' ? str(value) : repr(value);
        const spec = this.#format(part.spec, scope);
        out += formatValue(shown, spec);
      }
    }
    checkStringChars(out.length);
    return out;
  }

  #name(name: string, scope: Scope): Value {
    for (let s: Scope | null = scope; s; s = s.parent) {
      const cell = s.cells.get(name);
      if (cell) return cell.v;
      if (s.poisoned.has(name)) throw new Poisoned();
    }
    const builtin = BUILTINS.get(name);
    if (builtin !== undefined) return builtin;
    if (name === '__file__' || name === '__name__') {
      throw new PyError('NotImplementedError', `'${name}' is not available in a config`, {
        hint: "use '{{ fileDirname }}' or '{{ fileBasename }}'",
      });
    }
    if (name === 'globals') return new PyBuiltin(name, () => scope.root.namespace);
    if (name === 'locals' || name === 'vars') return new PyBuiltin(name, () => localsOf(scope));
    const known = [...BUILTINS.keys()];
    for (let s: Scope | null = scope; s; s = s.parent) known.push(...s.cells.keys());
    const near = FOREIGN[name] ?? nearest(name, known);
    throw new PyError('NameError', `the name '${name}' must be defined before it is used, but it is not`, {
      hint: near ? `did you mean ${near}?` : `if it is meant as text, put quotes around it: '${name}'`,
      subject: name,
    });
  }

  #attribute(object: Value, name: string, range: Range): Value {
    if (object instanceof PyModule) {
      const member = object.members.get(name);
      if (member !== undefined) return member;
      const near = nearest(name, object.members.keys());
      throw new PyError('AttributeError', `'${object.name}.${name}' is not available in a config`, {
        range,
        hint: near ? `did you mean '${near}'?` : 'a config only describes values',
      });
    }
    if (object instanceof PyClass) {
      const cell = object.attributes.cells.get(name);
      if (cell) return cell.v;
    }
    if (object instanceof PyBuiltin && object.kind === 'type') {
      const method = typeMethodOf(object.name, name);
      if (method) return new PyBuiltin(name, method);
    }
    const method = methodOf(object, name);
    if (method) return new PyBuiltin(name, method);
    const near = nearest(name, methodNames(object));
    const isKey = object instanceof PyDict && object.get(name) !== undefined;
    throw new PyError('AttributeError', `a ${typeName(object)} has no attribute '${name}'`, {
      range,
      hint: isKey
        ? `while a config is read its dicts are plain: write ['${name}']`
        : near
          ? `did you mean '${near}'?`
          : undefined,
    });
  }

  #call(expr: Extract<Expr, { kind: 'call' }>, scope: Scope): Value {
    const fn = this.evaluate(expr.fn, scope);
    const pos: Cell[] = [];
    const kw = new Map<string, Cell>();
    this.#each(
      expr.args,
      (a) => a.value,
      (a) => this.#argument(a, pos, kw, expr.fn, scope),
    );
    return this.invoke(fn, pos, kw, expr);
  }

  #argument(arg: Argument, pos: Cell[], kw: Map<string, Cell>, fn: Expr, scope: Scope): void {
    const cell = this.cell(arg.value, scope);
    if (arg.kind === 'pos') pos.push(cell);
    else if (arg.kind === 'kw') kw.set(arg.name, { ...cell, k: arg.nameRange });
    else if (arg.kind === '*') for (const c of iterate(cell.v)) pos.push({ v: c.v, r: c.r ?? arg.value });
    else {
      if (!(cell.v instanceof PyDict)) {
        throw new PyError('TypeError', `'**' needs a dict, but got a ${typeName(cell.v)}`, {
          range: arg.value,
        });
      }
      for (const e of cell.v.entries()) {
        if (typeof e.key !== 'string') {
          throw new PyError('TypeError', `'**' needs keys that are text, but got ${repr(e.key)}`, {
            range: arg.value,
          });
        }
        if (kw.has(e.key)) {
          const name = fn.kind === 'name' ? fn.name : 'the call';
          throw new PyError(
            'TypeError',
            `${name}() must get '${e.key}' once, but it got it again from '**'`,
            {
              range: arg.value,
              hint: `write dict(a, ${e.key}=…) to override an entry, or remove one of the two`,
            },
          );
        }
        kw.set(e.key, { v: e.v, r: e.r ?? arg.value, k: e.k });
      }
    }
  }

  /** Call any Python callable. */
  protected invoke(fn: Value, pos: readonly Cell[], kw: ReadonlyMap<string, Cell>, range: Range): Value {
    if (fn instanceof PyBuiltin) {
      const call: CallArgs['call'] = (f, values) =>
        this.invoke(f, values.map((v) => ({ v, r: range })), new Map(), range); // prettier-ignore
      return fn.run({ pos, kw, range, call });
    }
    if (fn instanceof PyFunction) return this.#callFunction(fn, pos, kw);
    if (fn instanceof PyException) return new PyException(fn.name, pos.map((c) => str(c.v)).join(', '));
    throw new PyError('TypeError', `a ${typeName(fn)} can not be called`, {
      hint: fn instanceof PyClass ? 'a config can not make objects of its own classes' : undefined,
    });
  }

  protected callMethod(object: Value, name: string, pos: readonly Cell[], range: Range): Value {
    return this.invoke(this.#attribute(object, name, range), pos, new Map(), range);
  }

  protected defaults(params: readonly Param[], scope: Scope): Map<string, Value> {
    const values = new Map<string, Value>();
    for (const p of params) if (p.default) values.set(p.name, this.evaluate(p.default, scope));
    return values;
  }

  #callFunction(fn: PyFunction, pos: readonly Cell[], kw: ReadonlyMap<string, Cell>): Value {
    const scope = bindParameters(fn, pos, kw);
    const wasCollecting = this.isCollecting;
    this.isCollecting = false;
    const result =
      'expr' in fn.body ? this.evaluate(fn.body.expr, scope) : this.runBody(fn.body.stmts, scope);
    this.isCollecting = wasCollecting;
    return result;
  }

  /** Set a name. */
  protected define(name: string, cell: Cell, scope: Scope): void {
    defineName(name, cell, scope);
  }

  /** Assign to a name, an entry, or several at once. */
  protected assign(target: Expr, cell: Cell, scope: Scope): void {
    assignTarget(target, cell, scope, (expr) => this.evaluate(expr, scope));
  }

  /** `del target`. */
  protected remove(target: Expr, scope: Scope): void {
    removeTarget(target, scope, (expr) => this.evaluate(expr, scope));
  }

  /** The entries of a value for a `for` loop: a list that grows meanwhile is followed. */
  protected *iterateLive(value: Value): Generator<Cell> {
    if (!(value instanceof PyList)) yield* iterate(value);
    else for (let i = 0; i < value.items.length; i++) yield itemAt(value.items, i);
  }
}

function literalValue(literal: Extract<Expr, { kind: 'literal' }>['literal']): Value {
  switch (literal.type) {
    case 'int':
    case 'str':
    case 'bool':
      return literal.value;
    case 'float':
      return new PyFloat(literal.value);
    case 'bytes':
      return new PyBytes(literal.value);
    case 'none':
      return null;
    case 'ellipsis':
      return new PyEllipsis();
  }
}

function unary(op: '+' | '-' | '~' | 'not', value: Value): Value {
  if (op === 'not') return !isTruthy(value);
  if (value instanceof PyFloat && op !== '~') return op === '-' ? new PyFloat(-value.n) : value;
  const int = asInt(value);
  if (int === undefined)
    throw new PyError('TypeError', `'${op}' needs a number, but got a ${typeName(value)}`);
  if (op === '+') return int;
  return op === '-' ? smallest(-BigInt(int)) : smallest(~BigInt(int));
}

/** Of a module its own names; of a function or class body a copy, as Python gives it. */
function localsOf(scope: Scope): PyDict {
  if (!scope.parent) return scope.namespace;
  const dict = new PyDict();
  for (const [name, cell] of scope.cells) dict.set(name, cell.v, cell.r, cell.k);
  return dict;
}
