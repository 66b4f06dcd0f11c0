import type { Problem } from '../../contracts/problem.ts';
import { isDict, type PlainDict } from '../../lang/plain.ts';
import { pathBelow } from '../../util/configPath.ts';
import { nearest } from '../../util/nearest.ts';

/** What is known of a run besides its config; the config's own runner fills the gaps. */
export interface KnownRun {
  /** Batches of the training data set in an epoch. */
  readonly itersPerEpoch?: number;
  readonly maxEpochs?: number;
  readonly maxIters?: number;
}

/** A resolved config, borrowed. */
export type ConfigInput = Readonly<Record<string, unknown>>;

/** The dict under a key, or an empty one. */
export function section(dict: ConfigInput, key: string): PlainDict {
  const value = Object.hasOwn(dict, key) ? dict[key] : undefined;
  return isDict(value) ? value : {};
}

/**
 * Keys that nothing reads.
 * @param isClosed report every unknown key; else only those one or two edits away from a known one: configs hold variables of one's own
 */
export function unreadKeys(
  dict: unknown,
  known: readonly string[],
  path: string,
  isClosed = false,
): Problem[] {
  if (!isDict(dict)) return [];
  return Object.keys(dict).flatMap((key): Problem[] => {
    if (known.includes(key)) return [];
    const near = nearest(key, known, isClosed ? undefined : key.length < 6 ? 1 : 2);
    if (near === undefined && !isClosed) return [];
    const at = pathBelow(path, key);
    return [
      {
        severity: 'warning',
        code: 'unread-key',
        message: `nothing reads ${at}`,
        path: at,
        at: 'key',
        hint: near === undefined ? `it takes: ${known.join(', ')}` : `did you mean ${near}?`,
      },
    ];
  });
}
