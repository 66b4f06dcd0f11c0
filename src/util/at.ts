/**
 * The element at an index that is there by construction. For references and tests; an inner loop indexes by itself, since
 * what the engine learns of the arrays here is shared by all callers.
 *
 * @throws Error internal, past either end
 */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
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

// The same for inner loops, one a kind of array: the engine learns each kind by itself, and inlines it.

/** @throws Error internal, past either end */
export function f32At(list: Float32Array, index: number): number {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
  return value;
}

/** @throws Error internal, past either end */
export function f64At(list: Float64Array, index: number): number {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
  return value;
}

/** @throws Error internal, past either end */
export function i32At(list: Int32Array, index: number): number {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
  return value;
}

/** @throws Error internal, past either end */
export function u32At(list: Uint32Array, index: number): number {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
  return value;
}

/** @throws Error internal, past either end */
export function u8At(list: Uint8Array, index: number): number {
  const value = list[index];
  if (value === undefined) throw outside(list, index);
  return value;
}

function outside(list: ArrayLike<unknown>, index: number): Error {
  return new Error(`internal: index ${index} of ${list.length} elements`);
}
