/**
 * A Python tuple. It is an array (so consumers may iterate and index it), but MMCV tells tuples and lists
 * apart, so the class is kept through evaluation, merging and dumping.
 */
export class Tuple<T = unknown> extends Array<T> {
  // Array methods such as map() must give plain arrays, not tuples built from a length.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** Make a tuple of exactly these items (a single number is an item, not a length). */
  static override of<T>(...items: T[]): Tuple<T> {
    const tuple = new Tuple<T>();
    for (const item of items) tuple.push(item);
    return tuple;
  }
}
