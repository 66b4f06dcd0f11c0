import { isDict } from '../lang/plain.ts';

/** Every text that stands at a key `type`, at any depth of a config value. */
export function namedTypes(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const item of value as unknown[]) namedTypes(item, found);
  if (!isDict(value)) return found;
  if (typeof value.type === 'string') found.add(value.type);
  for (const inner of Object.values(value)) namedTypes(inner, found);
  return found;
}
