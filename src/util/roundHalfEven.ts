/**
 * Round as Python's `round` and NumPy do: halves to the even neighbour.
 * @example roundHalfEven(2.5) // 2
 */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
