import { TrainerError } from '../errors/trainerError.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';

/** Errors that are about a key, whatever its value. */
const KEY_CODES: ReadonlySet<string> = new Set(['unknown-argument', 'given-twice']);

/**
 * Add the place in the config's text to an error that knows its config path only.
 * @param dict the resolved config
 * @returns a copy with the span; the error itself when it has one, or has no path in this config
 */
export function locateError(error: unknown, dict: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof TrainerError) || error.span || error.path === undefined) return error;
  const span = spanOfPath(dict, error.path, KEY_CODES.has(error.code) ? 'key' : 'value');
  return span ? error.with({ span }) : error;
}
