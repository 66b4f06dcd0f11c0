// Who works on a folder: at most one at a time, whether tabs, workers or processes. A lock falls with its holder.

/** A lock that is held until it is released or its holder is gone. */
export interface Lock {
  readonly kind: 'lock';
  /** No error when called again. */
  release(): Promise<void>;
}

/** Somebody else has the lock. */
export interface Held {
  readonly kind: 'held';
  /** What the holder does, in its own words, such as `import of bccd`; '' where it isn't known. */
  readonly owner: string;
  /** Who the holder is, such as `process 812 on lab-3` or `another tab`. */
  readonly place: string;
  /** When it was taken, ms since 1970; undefined where it isn't known. */
  readonly sinceMs?: number;
}

export interface Locks {
  /**
   * Take a lock if it is free. Never waits for another holder; the locks of holders that are gone count as free.
   * @param name the path of what is locked, as the file system calls it: `data/bccd`, `work_dirs/retinanet`.
   *   It need not exist, and a lock is not a file in it.
   * @param owner what the caller does, for the people that it keeps away.
   * @throws StorageError where no lock can be made (a folder that can't be written)
   */
  tryAcquire(name: string, owner: string): Promise<Lock | Held>;
}

/** `import of bccd (process 812 on lab-3, since 14:05:10)` */
export function heldBy({ owner, place, sinceMs }: Held): string {
  const since = sinceMs === undefined ? '' : `, since ${new Date(sinceMs).toTimeString().slice(0, 8)}`;
  return owner === '' ? `${place}${since}` : `${owner} (${place}${since})`;
}
