// Where datasets come from in a tab: a zip, and files or folders that were dropped.

import { DatasetError } from '../errors/index.ts';
import { blobSource, openZip, type ByteSource } from '../serialization/zip/index.ts';
import type { ImportSource, SourceFile } from './types.ts';

const READ_BYTES = 1 << 20;
const SMALL_ZIP_BYTES = 1 << 26;
const MAX_TOTAL_RATIO = 250;

/**
 * A zip archive.
 * @param name for messages
 * `files()` throws ZipError when it is truncated, protected, no zip, empty or a zip bomb.
 */
export function zipSource(bytes: ByteSource, name: string): ImportSource {
  return {
    name,
    async *files() {
      // Entries that overlap are each modest and together a bomb.
      const maxTotalBytes = Math.max(SMALL_ZIP_BYTES, MAX_TOTAL_RATIO * bytes.size);
      const archive = await openZip(bytes, { maxTotalBytes });
      for (const entry of archive.entries) {
        if (entry.isDirectory) continue;
        const stream = (): AsyncIterable<Uint8Array> => archive.stream(entry, { maxBytes: entry.size });
        yield {
          path: entry.name,
          size: entry.size,
          read: (start, end) => readFromStream(stream(), start, Math.min(end, entry.size)),
          stream,
          nameWarning: entry.isNameGuessed
            ? `its name is not UTF-8; read as ${entry.nameEncoding}, it may look different elsewhere`
            : undefined,
        };
      }
    },
  };
}

/** One file of a drop or of a file input; `path` is `webkitRelativePath`, or the name. */
export interface DroppedFile {
  readonly path: string;
  readonly file: Blob;
}

/** Files and folders that were dropped on the page. */
export function filesSource(dropped: readonly DroppedFile[], name: string): ImportSource {
  return {
    name,
    async *files() {
      yield* dropped.map(({ path, file }) => fileOf(path, blobSource(file)));
    },
  };
}

/** A file of a drop out of anything that can be read at random. */
export function fileOf(path: string, bytes: ByteSource): SourceFile {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    try {
      return await bytes.read(start, end);
    } catch (cause) {
      // The file was moved, changed or protected after it was dropped.
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DatasetError(`${path} can't be read: ${reason}`, { code: 'unreadable-file', path, cause });
    }
  };
  return {
    path,
    size: bytes.size,
    read,
    async *stream() {
      for (let at = 0; at < bytes.size; at += READ_BYTES) yield await read(at, at + READ_BYTES);
    },
  };
}

/** Bytes [start, end) of a stream; stops reading there, unless that is its end, where checksums are compared. */
async function readFromStream(
  stream: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(Math.max(0, end - start));
  let at = 0;
  for await (const piece of stream) {
    if (at >= end && at > 0) break;
    const from = Math.max(0, start - at);
    const to = Math.min(piece.length, end - at);
    if (to > from) out.set(piece.subarray(from, to), at + from - start);
    at += piece.length;
  }
  return out;
}
