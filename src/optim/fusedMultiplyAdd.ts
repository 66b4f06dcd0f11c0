// A float64 multiplication and addition with one rounding, which JavaScript has not.

/** a b + c, rounded once but for rare ties. Source: Dekker, "A floating-point technique", 1971 (exact product); Knuth (exact sum). */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const [aHigh, bHigh] = [high(a), high(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  const productError = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const sum = product + c;
  const rest = sum - product;
  const sumError = product - (sum - rest) + (c - rest);
  const result = sum + (productError + sumError);
  // Splitting overflows for huge numbers.
  return Number.isNaN(result) ? sum : result;
}

/** The upper 26 bits. */
function high(a: number): number {
  const scaled = a * (2 ** 27 + 1);
  return scaled - (scaled - a);
}
