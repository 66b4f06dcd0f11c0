import type { PthValue, TorchTensor } from '../serialization/pth/index.ts';

/** What a checkpoint file holds, whoever wrote it. */
export interface LoadedCheckpoint {
  readonly meta: ReadonlyMap<string, PthValue>;
  readonly stateDict: ReadonlyMap<string, TorchTensor>;
  readonly optimizer: PthValue | undefined;
  /** What a person should know of the file: where its weights were found. */
  readonly notes: readonly string[];
}

/** Key of `meta` for the licences and notices of the weights that a run began with: they go into all that is made from them. */
export const NOTICES = 'notices';

/** The notices of a checkpoint. */
export function noticesOf(meta: ReadonlyMap<string, unknown>): string[] {
  const notices: unknown = meta.get(NOTICES);
  return Array.isArray(notices) ? notices.map(String) : [];
}
