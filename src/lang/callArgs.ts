// Reading the arguments of a call to a builtin.

import { PyError } from './pyError.ts';
import type { CallArgs, Cell, Value } from './values.ts';

/**
 * Match arguments to parameter names.
 * @param params names in order; those after a '*' entry are by keyword only
 * @param required how many of the first must be given
 * @returns one value per name, undefined where not given
 * @throws PyError TypeError for too many, unknown or missing arguments
 */
export function bind(
  args: CallArgs,
  fnName: string,
  params: readonly string[],
  required: number,
): (Value | undefined)[] {
  const star = params.indexOf('*');
  const names = params.filter((p) => p !== '*');
  const maxPositional = star === -1 ? names.length : star;
  if (args.pos.length > maxPositional) {
    throw new PyError(
      'TypeError',
      `${fnName}() takes at most ${maxPositional} values, but got ${args.pos.length}`,
    );
  }
  const bound: (Value | undefined)[] = names.map((_, i) => args.pos[i]?.v);
  for (const [name, cell] of args.kw) {
    const at = names.indexOf(name);
    if (at === -1) throw new PyError('TypeError', `${fnName}() does not take the argument '${name}'`);
    if (bound[at] !== undefined)
      throw new PyError('TypeError', `${fnName}() got the argument '${name}' twice`);
    bound[at] = cell.v;
  }
  for (let i = 0; i < required; i++) {
    if (bound[i] === undefined)
      throw new PyError('TypeError', `${fnName}() needs the argument '${names[i]}'`);
  }
  return bound;
}

/** The text of an argument. @throws PyError TypeError */
export function textOf(value: Value | undefined, what: string): string {
  if (typeof value === 'string') return value;
  throw new PyError('TypeError', `${what} must be a str`);
}

/** Cells for values a builtin made, placed at the call. */
export function made(args: CallArgs, values: readonly Value[]): Cell[] {
  return values.map((v) => ({ v, r: args.range }));
}
