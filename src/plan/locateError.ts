import type { Span } from '../errors/span.ts';
import { TrainerError } from '../errors/trainerError.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { pathKeys } from '../util/configPath.ts';

/**
 * Add the place in the config's text to an error that knows its config path only.
 * @param dict the resolved config
 * @returns a copy with the span; the error itself when it has one, or has no path in this config
 */
export function locateError(error: unknown, dict: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof TrainerError) || error.span || error.path === undefined) return error;
  const span = spanOfPath(dict, error.path);
  if (!span) return error;
  const Same = error.constructor as typeof TrainerError;
  const { message, code, path, hint } = error;
  return new Same(message, { code, path, span, hint, cause: error });
}

/**
 * Where the value of a config path was written, or else the nearest value around it that is known.
 * @param at `key`: where the key itself was written instead, `img_scale` of `img_scale=(8, 8)`; positions of lists have none
 * @example spanOfPath(dict, 'data.train.pipeline[2].img_scale')
 */
export function spanOfPath(
  dict: Readonly<Record<string, unknown>>,
  path: string,
  at: 'key' | 'value' = 'value',
): Span | undefined {
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
