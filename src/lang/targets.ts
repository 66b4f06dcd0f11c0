// Binding values: assignment targets, `del`, and the parameters of a called function.

import type { Expr } from './ast.ts';
import { setItem } from './methods.ts';
import { PyError, type Range } from './pyError.ts';
import { iterate, missingKey, position, slicePositions } from './sequences.ts';
import {
  type Cell,
  PyClass,
  PyDict,
  type PyFunction,
  PyList,
  PySlice,
  PyTuple,
  Scope,
  typeName,
  type Value,
} from './values.ts';
import { at as itemAt } from '../util/at.ts';

type Evaluate = (expr: Expr) => Value;

/** Set a name, in the module when the scope declared it `global`. */
export function defineName(name: string, cell: Cell, scope: Scope): void {
  const owner = scope.globals.has(name) ? scope.root : scope;
  owner.poisoned.delete(name);
  owner.cells.set(name, cell);
}

/** Assign to a name, an entry, or several at once. */
export function assignTarget(target: Expr, cell: Cell, scope: Scope, evaluate: Evaluate): void {
  switch (target.kind) {
    case 'name':
      defineName(target.name, { ...cell, k: target }, scope);
      return;
    case 'subscript': {
      const object = evaluate(target.object);
      const index = evaluate(target.index);
      if (object instanceof PyList && index instanceof PySlice) assignSlice(object, index, cell);
      else setItem(object, index, { ...cell, k: target.index });
      return;
    }
    case 'attribute': {
      const object = evaluate(target.object);
      if (object instanceof PyClass) {
        object.attributes.cells.set(target.name, cell);
        return;
      }
      throw new PyError(
        'AttributeError',
        `the attribute '${target.name}' of a ${typeName(object)} can not be set`,
        {
          range: target.nameRange,
          hint: object instanceof PyDict ? `write ['${target.name}'] = …` : undefined,
        },
      );
    }
    case 'list':
    case 'tuple':
      unpack(target.items, cell, target, (item, part) => assignTarget(item, part, scope, evaluate));
      return;
    default:
      throw new PyError('SyntaxError', 'this can not be assigned to', { range: target });
  }
}

function unpack(
  targets: readonly Expr[],
  cell: Cell,
  range: Range,
  put: (target: Expr, cell: Cell) => void,
): void {
  const cells = iterate(cell.v).map((c) => ({ v: c.v, r: c.r ?? cell.r }));
  const star = targets.findIndex((t) => t.kind === 'star');
  const tail = targets.length - star - 1;
  if (star === -1 ? cells.length !== targets.length : cells.length < targets.length - 1) {
    throw new PyError('ValueError', `${targets.length} names need as many values, but got ${cells.length}`, {
      range,
    });
  }
  targets.forEach((target, i) => {
    if (target.kind === 'star')
      put(target.value, { v: new PyList(cells.slice(star, cells.length - tail)), r: cell.r });
    else
      put(
        target,
        star !== -1 && i > star ? itemAt(cells, cells.length - targets.length + i) : itemAt(cells, i),
      );
  });
}

function assignSlice(list: PyList, by: PySlice, cell: Cell): void {
  const positions = slicePositions(list.items.length, by);
  const fresh = iterate(cell.v).map((c) => ({ v: c.v, r: c.r ?? cell.r }));
  if (by.step === null || by.step === 1) {
    // An empty slice still has a place: where its start lies.
    const start =
      slicePositions(list.items.length + 1, new PySlice(by.start, null, null))[0] ?? list.items.length;
    list.items.splice(positions[0] ?? start, positions.length, ...fresh);
    return;
  }
  if (fresh.length !== positions.length) {
    throw new PyError(
      'ValueError',
      `a slice of ${positions.length} entries needs as many values, but got ${fresh.length}`,
    );
  }
  positions.forEach((at, i) => {
    list.items[at] = itemAt(fresh, i);
  });
}

/** `del target`. */
export function removeTarget(target: Expr, scope: Scope, evaluate: Evaluate): void {
  if (target.kind === 'name') {
    // Evaluating says so when the name is unknown.
    if (!scope.cells.has(target.name)) evaluate(target);
    scope.cells.delete(target.name);
    return;
  }
  if (target.kind === 'tuple' || target.kind === 'list') {
    for (const item of target.items) removeTarget(item, scope, evaluate);
    return;
  }
  if (target.kind !== 'subscript')
    throw new PyError('SyntaxError', 'this can not be deleted', { range: target });
  const object = evaluate(target.object);
  const index = evaluate(target.index);
  if (object instanceof PyDict) {
    if (!object.delete(index)) throw missingKey(object, index);
  } else if (object instanceof PyList) {
    const { length } = object.items;
    const gone = new Set(
      index instanceof PySlice ? slicePositions(length, index) : [position(length, index, 'list')],
    );
    object.items = object.items.filter((_, i) => !gone.has(i));
  } else throw new PyError('TypeError', `entries of a ${typeName(object)} can not be deleted`);
}

/** The scope of a call: parameters bound to arguments and defaults. @throws PyError TypeError when they don't match */
export function bindParameters(fn: PyFunction, pos: readonly Cell[], kw: ReadonlyMap<string, Cell>): Scope {
  const scope = new Scope(fn.scope);
  const rest = new Map(kw);
  let used = 0;
  for (const param of fn.params) {
    if (param.kind === '*') {
      if (param.name === '') continue;
      scope.cells.set(param.name, { v: new PyTuple(pos.slice(used)), r: null });
      used = pos.length;
    } else if (param.kind === '**') {
      const dict = new PyDict();
      for (const [key, cell] of rest) dict.set(key, cell.v, cell.r, cell.k);
      rest.clear();
      scope.cells.set(param.name, { v: dict, r: null });
    } else {
      const isPositional = param.kind === 'normal' && used < pos.length;
      const given = isPositional ? pos[used++] : rest.get(param.name);
      if (!isPositional) rest.delete(param.name);
      const fallback = fn.defaults.get(param.name);
      if (!given && fallback === undefined) {
        throw new PyError('TypeError', `${fn.name}() needs the argument '${param.name}'`);
      }
      scope.cells.set(param.name, given ?? { v: fallback ?? null, r: null });
    }
  }
  const extra = rest.keys().next();
  if (!extra.done) {
    throw new PyError(
      'TypeError',
      `${fn.name}() does not take the argument '${extra.value}', or got it twice`,
    );
  }
  if (used < pos.length)
    throw new PyError('TypeError', `${fn.name}() takes ${used} values, but got ${pos.length}`);
  return scope;
}
