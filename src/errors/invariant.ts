/** Fail on a bug of ours: a condition that no input can break. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal: ${message}`);
}

/** Close a union: does not compile when a case is missing. */
export function assertNever(value: never, what = 'case'): never {
  throw new Error(`internal: unexpected ${what}: ${JSON.stringify(value)}`);
}
