// Where config values came from, kept beside the values (not in them), so that plain objects stay plain.

import type { Span } from '../errors/span.ts';

export interface ValueSource {
  readonly span: Span;
  /** Where the key itself was written: `lr` of `dict(lr=0.1)`, `'lr'` of `{'lr': 0.1}`, the name of `lr = 0.1`. */
  readonly keySpan?: Span;
  /** True for a Python float that JavaScript can't tell from an int, such as `1.0`. */
  readonly isFloat?: boolean;
}

const sources = new WeakMap<object, Map<string, ValueSource>>();
const SELF = '\0self';

/**
 * Remember where the entry `key` of a dict, list or tuple was written; `null` means the container itself.
 */
export function setSource(container: object, key: string | number | null, source: ValueSource): void {
  let entries = sources.get(container);
  if (!entries) sources.set(container, (entries = new Map()));
  entries.set(key === null ? SELF : String(key), source);
}

/** Where the entry `key` of a container was written; `null` asks for the container itself. */
export function sourceOf(container: object, key: string | number | null): ValueSource | undefined {
  return sources.get(container)?.get(key === null ? SELF : String(key));
}

/** Copy every remembered place from one container to another (for shallow copies and merges). */
export function copySources(from: object, to: object): void {
  const entries = sources.get(from);
  if (!entries) return;
  const target = sources.get(to) ?? new Map<string, ValueSource>();
  for (const [key, source] of entries) target.set(key, source);
  sources.set(to, target);
}
