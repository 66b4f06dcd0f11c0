import { isDict, type PlainDict } from '../../lang/plain.ts';

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
