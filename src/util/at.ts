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
