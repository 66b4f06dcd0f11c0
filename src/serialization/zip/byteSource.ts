// Random access to bytes that may not be in memory: a zip is read from its end.

import type { FileSystem } from '../../contracts/fileSystem.ts';

export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /** Bytes [start, end), fewer at the end of the source. The caller must not write into them. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Bytes that are already in memory; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (start, end) => Promise.resolve(bytes.subarray(start, Math.max(start, end))),
  };
}

/** A Blob or File, such as one that was dropped on the page. */
export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    read: async (start, end) => new Uint8Array(await blob.slice(start, Math.max(start, end)).arrayBuffer()),
  };
}

/** @param size in bytes, as `fs.stat(path)` says. */
export function fileSource(fs: FileSystem, path: string, size: number): ByteSource {
  return { size, read: (start, end) => fs.readRange(path, start, Math.max(start, end)) };
}
