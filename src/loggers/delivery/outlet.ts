import type { FileSystem } from '../../contracts/fileSystem.ts';
import { DeliveryError } from './http.ts';
import type { Delivery } from './sender.ts';
import type { TrackedRunSettings } from './unsentFile.ts';
import { take } from '../../util/at.ts';

/** What an outlet found when it opened its run. */
export interface OpenedRun<S extends TrackedRunSettings> {
  /** The run's address in the service's pages. */
  readonly url: string;
  /** With what only the server knew. */
  readonly settings: S;
  /** Numbered records that the server has already. */
  readonly known: number;
}

/** What an outlet needs from what is around it. */
export interface OutletParts<S extends TrackedRunSettings> {
  readonly fs: FileSystem;
  /** True when the run may be on the server from an earlier process. */
  readonly isContinued: boolean;
  /** True when the run goes on; false when only what is left of it gets delivered. */
  readonly isLive: boolean;
  onOpen(run: OpenedRun<S>): void;
  /** Hears what is left out, or sent otherwise than it was logged. */
  onSkip(message: string): void;
}

/** A file to be uploaded. */
export interface UploadRecord {
  readonly kind: 'file';
  /** In the run's file system. */
  readonly path: string;
  /** What the service calls it. */
  readonly name: string;
}

const MAX_UPLOAD_TRIES = 3;

/** Counts how often each file was tried: one that can't be uploaded must not hold up what comes behind it. */
export class Uploads {
  readonly #serviceName: string;
  readonly #onSkip: (message: string) => void;
  readonly #tries = new Map<string, number>();

  constructor(serviceName: string, onSkip: (message: string) => void) {
    this.#serviceName = serviceName;
    this.#onSkip = onSkip;
  }

  /** Upload a file, or give it up. @throws DeliveryError while it is worth another try */
  async take({ name }: UploadRecord, { signal }: Delivery, upload: () => Promise<unknown>): Promise<void> {
    const tries = (this.#tries.get(name) ?? 0) + 1;
    this.#tries.set(name, tries);
    try {
      await upload();
    } catch (error) {
      if (signal.aborted) throw error;
      const isFinal = !(error instanceof DeliveryError) || error.isFinal;
      if (!isFinal && tries < MAX_UPLOAD_TRIES) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#onSkip(`${name} can't be uploaded to ${this.#serviceName}: ${reason}`);
    }
  }
}

/**
 * Which records go together: those in front of the first file, or that file alone.
 * @returns how many of the first records, and the file when it is one
 */
export function nextParcel<T extends { readonly kind: string }>(
  records: readonly (T | UploadRecord)[],
): { readonly count: number; readonly file: UploadRecord | null } {
  const at = records.findIndex(isUpload);
  if (at === 0) {
    const [file] = take(records.filter(isUpload), 1);
    return { count: 1, file };
  }
  return { count: at === -1 ? records.length : at, file: null };
}

function isUpload(record: { readonly kind: string }): record is UploadRecord {
  return record.kind === 'file';
}
