/**
 * Name the first few of many.
 * @example firstOf(['a', 'b', 'c'], 2) // 'a, b and 1 more'
 */
export function firstOf(items: readonly unknown[], limit: number): string {
  const shown = items.slice(0, limit).map(String).join(', ');
  return items.length > limit ? `${shown} and ${items.length - limit} more` : shown;
}
