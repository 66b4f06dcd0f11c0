import type { Span } from '../errors/span.ts';
import { pathKeys } from '../util/configPath.ts';
import { sourceOf } from './sourceMap.ts';

/**
 * Where the value of a config path was written, or else the nearest value around it that is known.
 * @param at `key`: where the key itself was written instead, `img_scale` of `img_scale=(8, 8)`; positions of lists have none
 * @example spanOfPath(dict, 'data.train.pipeline[2].img_scale')
 */
export function spanOfPath(dict: object, path: string, at: 'key' | 'value' = 'value'): Span | undefined {
  let value: unknown = dict;
  let span: Span | undefined;
  for (const key of pathKeys(path)) {
    if (typeof value !== 'object' || value === null) break;
    const inMap = value instanceof Map ? [...value.keys()].find((k) => String(k) === key) : undefined;
    if (inMap === undefined && !Object.hasOwn(value, key)) break;
    const source = sourceOf(value, key);
    span = (at === 'key' ? source?.keySpan : undefined) ?? source?.span ?? span;
    value = value instanceof Map ? value.get(inMap) : (value as Record<string, unknown>)[key];
  }
  return span;
}
