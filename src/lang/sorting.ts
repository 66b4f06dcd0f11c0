// Python's stable sort by key.

import { spend } from './limits.ts';
import { order } from './operators.ts';
import { type CallArgs, type Cell, isTruthy, type Value } from './values.ts';

/** A sorted copy; `reverse` keeps the order of equal entries, as Python does. */
export function sortCells(cells: readonly Cell[], key: Value, reverse: Value, args: CallArgs): Cell[] {
  spend(cells.length * 2);
  const keyed = cells.map((cell) => ({ cell, key: key === null ? cell.v : args.call(key, [cell.v]) }));
  const sign = isTruthy(reverse) ? -1 : 1;
  keyed.sort((a, b) => sign * order(a.key, b.key));
  return keyed.map((k) => ({ ...k.cell }));
}
