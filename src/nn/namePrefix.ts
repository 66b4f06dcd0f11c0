/**
 * The prefix by which the names of a state dict differ from a model's.
 * @param found names in the file
 * @param wanted names of the model's parameters
 * @returns the prefix that most of `wanted` have in the file, such as `backbone.`; '' when they are there as they are; undefined
 * when none is
 */
export function prefixInFile(found: Iterable<string>, wanted: readonly string[]): string | undefined {
  const names = new Set(wanted);
  const counts = new Map<string, number>();
  for (const name of found) {
    let at = 0;
    do {
      if (names.has(name.slice(at))) counts.set(name.slice(0, at), (counts.get(name.slice(0, at)) ?? 0) + 1);
      at = name.indexOf('.', at) + 1;
    } while (at > 0);
  }
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  return best?.[0];
}
