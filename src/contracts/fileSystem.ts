// The file system that the core sees: OPFS in a tab, a folder in Node.
// Paths are POSIX, relative to the file system's root ('data/bccd/images/1.jpg'); a leading '/' or './' is
// dropped; a path that leaves the root ('..') throws StorageError `path-outside-root`.

export interface FileStat {
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface DirEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
}

/** Writes a file piece by piece. Nothing is visible under the final name before `close` resolves. */
export interface FileWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Flush, then rename into place. */
  close(): Promise<void>;
  /** Drop what was written. */
  abort(): Promise<void>;
}

/** Writes many files into a folder that nobody looks at before all of them are there. */
export interface FileBatch {
  /** Write a file in place; several may be written at once. @param path below the batch's folder */
  write(path: string, data: Uint8Array): Promise<void>;
  /** Make all files survive a power cut. @param onFile called after each */
  finish(onFile: () => void): Promise<void>;
}

export interface FileSystem {
  /** Renaming a folder copies all that is in it, and a crash leaves a part under either name. Default false. */
  readonly copiesFolders?: boolean;
  /** @throws StorageError `not-found` */
  readFile(path: string): Promise<Uint8Array>;
  /** UTF-8; a byte order mark is dropped. @throws StorageError `not-found` */
  readText(path: string): Promise<string>;
  /** Bytes [start, end) of a file, fewer at its end. @throws StorageError `not-found` */
  readRange(path: string, start: number, end: number): Promise<Uint8Array>;
  /** @returns null when there is nothing. */
  stat(path: string): Promise<FileStat | null>;
  /** Entries sorted by name (code units); empty when the directory does not exist. */
  list(path: string): Promise<DirEntry[]>;
  /** Make a directory and its parents. */
  makeDir(path: string): Promise<void>;
  /** Write atomically: a crash leaves the old file or the new one. Parents are made. @throws StorageError `storage-full` */
  writeFile(path: string, data: Uint8Array | string): Promise<void>;
  /** Append; makes the file and its parents. */
  appendFile(path: string, data: Uint8Array | string): Promise<void>;
  createWriter(path: string): Promise<FileWriter>;
  /**
   * Write many files faster than one by one with `writeFile`, for a folder that counts as absent until it is complete:
   * a crash leaves some of them, or parts. Where the method is missing there is no faster way.
   */
  startBatch?(folder: string): FileBatch;
  /** Replace `to` if it exists. */
  rename(from: string, to: string): Promise<void>;
  /** Remove a file, or a directory with all in it; of a link, the link alone. No error when absent. */
  remove(path: string): Promise<void>;
  /**
   * Make `path` a symbolic link to a neighbour in its folder, replacing the file or link there. Reading follows it.
   * Only some storage holds links: where the method is missing or returns false, nothing was done.
   */
  link?(targetName: string, path: string): Promise<boolean>;
  /** What a link points to, as it was made; null for everything else. */
  readLink?(path: string): Promise<string | null>;
}
