/**
 * The element at an index that is there by construction. For references and tests; an inner loop indexes by itself, since
 * what the engine learns of the arrays here is shared by all callers.
 *
 * @throws Error internal, past either end
 */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`internal: index ${index} of ${list.length} elements`);
  return value;
}

/** Of a length that the compiler knows. */
export type Fixed<T, N extends number, R extends readonly T[] = []> = R['length'] extends N
  ? R
  : Fixed<T, N, readonly [...R, T]>;

/**
 * The first `count` elements of a list that has as many by construction, to be taken apart.
 * @example const [batch, height, width, channels] = take(x.shape, 4);
 * @throws Error internal, for a shorter list
 */
export function take<T, const N extends number>(list: ArrayLike<T>, count: N): Fixed<T, N> {
  if (list.length < count) throw new Error(`internal: ${count} of ${list.length} elements`);
  // Its length was just checked; more elements do no harm where it is taken apart.
  return Array.prototype.slice.call(list, 0, count) as unknown as Fixed<T, N>;
}
