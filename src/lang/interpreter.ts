// Runs statements. Expressions are in `expressions.ts`.
// At the top level one failing statement doesn't end the run: it is reported, the names it would have set are
// "poisoned", and whatever uses them is skipped silently, so that several independent mistakes show at once.

import type { Expr, Stmt } from './ast.ts';
import { ExpressionEvaluator } from './expressions.ts';
import { spend } from './limits.ts';
import { findModule, MODULE_NAMES } from './modules.ts';
import { nearest } from '../util/nearest.ts';
import { CODE_OF_EXCEPTION, type ExceptionName, isCaughtBy, PyError, type Range } from './pyError.ts';
import { str } from './repr.ts';
import {
  isTruthy,
  PyClass,
  PyDict,
  PyException,
  PyFunction,
  PyList,
  PyTuple,
  Scope,
  typeName,
  type Value,
} from './values.ts';
import { at } from '../util/at.ts';

/** How a statement ended. */
type Flow = 'next' | 'break' | 'continue' | { readonly value: Value };

export class Interpreter extends ExpressionEvaluator {
  /** Run a whole file. Errors land in `errors`. */
  runModule(body: readonly Stmt[], scope: Scope): void {
    for (const stmt of body) {
      try {
        this.isCollecting = true;
        this.#exec(stmt, scope);
      } catch (error) {
        this.report(error, stmt);
        for (const name of namesSetBy(stmt)) {
          scope.poisoned.add(name);
          scope.cells.delete(name);
        }
        // Out of budget: every later statement would fail for the same reason.
        if (error instanceof PyError && error.exception === 'TimeoutError') return;
      }
    }
  }

  protected override runBody(body: readonly Stmt[], scope: Scope): Value {
    const flow = this.#block(body, scope);
    return typeof flow === 'object' ? flow.value : null;
  }

  #block(body: readonly Stmt[], scope: Scope): Flow {
    for (const stmt of body) {
      const flow = this.#exec(stmt, scope);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #exec(stmt: Stmt, scope: Scope): Flow {
    spend(1);
    try {
      return this.#run(stmt, scope);
    } catch (error) {
      if (error instanceof PyError) error.range ??= { from: stmt.from, to: stmt.to };
      throw error;
    }
  }

  #run(stmt: Stmt, scope: Scope): Flow {
    switch (stmt.kind) {
      case 'assign': {
        const cell = this.cell(stmt.value, scope);
        for (const target of stmt.targets) this.assign(target, cell, scope);
        return 'next';
      }
      case 'update':
        this.#update(stmt, scope);
        return 'next';
      case 'expr':
        this.evaluate(stmt.value, scope);
        return 'next';
      case 'pass':
      case 'global':
        if (stmt.kind === 'global') for (const name of stmt.names) scope.globals.add(name);
        return 'next';
      case 'break':
      case 'continue':
        return stmt.kind;
      case 'return':
        return { value: stmt.value ? this.evaluate(stmt.value, scope) : null };
      case 'del':
        for (const target of stmt.targets) this.remove(target, scope);
        return 'next';
      case 'def': {
        const fn = new PyFunction(
          stmt.name,
          stmt.params,
          this.defaults(stmt.params, scope),
          { stmts: stmt.body },
          scope,
        );
        this.define(stmt.name, { v: fn, r: stmt }, scope);
        return 'next';
      }
      case 'class': {
        const attributes = new Scope(scope);
        this.isCollecting = false;
        this.#block(stmt.body, attributes);
        this.define(stmt.name, { v: new PyClass(stmt.name, attributes), r: stmt }, scope);
        return 'next';
      }
      case 'import':
        for (const { name, alias, range } of stmt.names) {
          const module = this.#module(name, range);
          const top = at(name.split('.'), 0);
          const bound = alias === null && top !== name ? this.#module(top, range) : module;
          this.define(alias ?? top, { v: bound, r: range }, scope);
        }
        return 'next';
      case 'from-import':
        this.#importFrom(stmt.module, stmt.names, stmt, scope);
        return 'next';
      case 'raise':
        return this.#raise(stmt.value, scope);
      case 'assert':
        this.isCollecting = false;
        if (isTruthy(this.evaluate(stmt.test, scope))) return 'next';
        throw new PyError(
          'AssertionError',
          stmt.message ? str(this.evaluate(stmt.message, scope)) : 'an assert does not hold',
        );
      default:
        // Inside a compound statement the first error ends it, as in Python.
        this.isCollecting = false;
        return this.#compound(stmt, scope);
    }
  }

  #compound(stmt: Extract<Stmt, { kind: 'if' | 'while' | 'for' | 'try' }>, scope: Scope): Flow {
    switch (stmt.kind) {
      case 'if':
        for (const { test, body } of stmt.branches) {
          if (test === null || isTruthy(this.evaluate(test, scope))) return this.#block(body, scope);
        }
        return 'next';
      case 'while':
        while (isTruthy(this.evaluate(stmt.test, scope))) {
          const flow = this.#block(stmt.body, scope);
          if (flow === 'break') return 'next';
          if (typeof flow === 'object') return flow;
        }
        return this.#block(stmt.otherwise, scope);
      case 'for':
        for (const cell of this.iterateLive(this.evaluate(stmt.iter, scope))) {
          this.assign(stmt.target, { v: cell.v, r: cell.r ?? stmt.iter }, scope);
          const flow = this.#block(stmt.body, scope);
          if (flow === 'break') return 'next';
          if (typeof flow === 'object') return flow;
        }
        return this.#block(stmt.otherwise, scope);
      case 'try':
        return this.#try(stmt, scope);
    }
  }

  #try(stmt: Extract<Stmt, { kind: 'try' }>, scope: Scope): Flow {
    try {
      const flow = this.#block(stmt.body, scope);
      if (flow === 'next') return this.#block(stmt.otherwise, scope);
      return flow;
    } catch (error) {
      if (!(error instanceof PyError)) throw error;
      for (const handler of stmt.handlers) {
        const types = handler.type
          ? this.evaluate(handler.type, scope)
          : new PyException('BaseException', null);
        const list = types instanceof PyTuple ? types.items.map((c) => c.v) : [types];
        if (!list.some((t) => t instanceof PyException && isCaughtBy(error.exception, t.name))) continue;
        if (handler.name) {
          this.define(handler.name, { v: new PyException(error.exception, error.message), r: stmt }, scope);
        }
        const flow = this.#block(handler.body, scope);
        if (handler.name) scope.cells.delete(handler.name);
        return flow;
      }
      throw error;
    } finally {
      this.#block(stmt.final, scope);
    }
  }

  #update(stmt: Extract<Stmt, { kind: 'update' }>, scope: Scope): void {
    const old = this.evaluate(stmt.target, scope);
    const right = this.cell(stmt.value, scope);
    // `list += …` and `dict |= …` change the object itself, which every other name of it sees.
    if (stmt.op === '+' && old instanceof PyList) {
      this.callMethod(old, 'extend', [right], stmt);
      this.assign(stmt.target, { v: old, r: stmt.value }, scope);
    } else if (stmt.op === '|' && old instanceof PyDict) {
      this.callMethod(old, 'update', [right], stmt);
    } else {
      this.assign(stmt.target, { v: this.binary(stmt.op, old, right.v), r: stmt.value }, scope);
    }
  }

  #raise(value: Expr | null, scope: Scope): never {
    const raised = value
      ? this.evaluate(value, scope)
      : new PyException('RuntimeError', 'nothing to raise again');
    if (!(raised instanceof PyException)) {
      throw new PyError('TypeError', `only an exception can be raised, but this is a ${typeName(raised)}`);
    }
    const name: ExceptionName =
      raised.name in CODE_OF_EXCEPTION ? (raised.name as ExceptionName) : 'Exception';
    throw new PyError(name, raised.message ?? raised.name);
  }

  #module(name: string, range: Range): Value {
    const module = findModule(name);
    if (module) return module;
    const near = nearest(name, MODULE_NAMES);
    throw new PyError('ModuleNotFoundError', `the module '${name}' can not be imported by a config`, {
      range,
      hint: near
        ? `did you mean '${near}'?`
        : "name your own code with custom_imports = dict(imports=['…']) instead; a config only describes values",
    });
  }

  #importFrom(
    moduleName: string,
    names: readonly { readonly name: string; readonly alias: string | null; readonly range: Range }[],
    stmt: Range,
    scope: Scope,
  ): void {
    const module = findModule(moduleName);
    if (!module) this.#module(moduleName, stmt);
    for (const { name, alias, range } of names) {
      const member = module?.members.get(name) ?? findModule(`${moduleName}.${name}`);
      if (member === undefined || module === undefined) {
        throw new PyError('ImportError', `'${name}' can not be imported from '${moduleName}' by a config`, {
          range,
        });
      }
      this.define(alias ?? name, { v: member, r: range }, scope);
    }
  }
}

/** Top-level names that a statement would set, had it not failed. */
function namesSetBy(stmt: Stmt): string[] {
  switch (stmt.kind) {
    case 'assign':
      return stmt.targets.flatMap(namesOfTarget);
    case 'update':
      return namesOfTarget(stmt.target);
    case 'def':
    case 'class':
      return [stmt.name];
    case 'import':
      return stmt.names.map((n) => n.alias ?? at(n.name.split('.'), 0));
    case 'from-import':
      return stmt.names.map((n) => n.alias ?? n.name);
    case 'if':
      return stmt.branches.flatMap((b) => b.body.flatMap(namesSetBy));
    case 'for':
      return [...namesOfTarget(stmt.target), ...[...stmt.body, ...stmt.otherwise].flatMap(namesSetBy)];
    case 'while':
      return [...stmt.body, ...stmt.otherwise].flatMap(namesSetBy);
    case 'try':
      return [
        ...stmt.body,
        ...stmt.handlers.flatMap((h) => h.body),
        ...stmt.otherwise,
        ...stmt.final,
      ].flatMap(namesSetBy);
    default:
      return [];
  }
}

function namesOfTarget(target: Expr): string[] {
  switch (target.kind) {
    case 'name':
      return [target.name];
    case 'list':
    case 'tuple':
      return target.items.flatMap(namesOfTarget);
    case 'star':
      return namesOfTarget(target.value);
    default:
      return [];
  }
}
