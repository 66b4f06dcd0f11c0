// `tabtrain inspect CHECKPOINT [--json]`: what a .pth holds, without loading it into anything.

import { open } from 'node:fs/promises';
import { CheckpointError } from '../errors/index.ts';
import { inspectPth, formatInspection, type ByteSource } from '../serialization/index.ts';

/**
 * Describe a checkpoint file.
 * @param path of the file, as the person typed it.
 * @param json true for one JSON object, false for text.
 * @throws CheckpointError when the file is missing, damaged, unsafe or no checkpoint.
 */
export async function inspect(path: string, json: boolean): Promise<string> {
  let handle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw new CheckpointError(`checkpoint file must exist and be readable, found none at ${path}`, {
      code: 'not-found',
      path,
      cause,
    });
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile())
      throw new CheckpointError(`checkpoint must be a file, ${path} is a directory`, {
        code: 'not-a-checkpoint',
        path,
      });
    const file = handle;
    const source: ByteSource = {
      size: stats.size,
      read: async (start, end) => {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, stats.size) - start));
        let at = 0;
        while (at < bytes.length) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
          if (bytesRead === 0) break;
          at += bytesRead;
        }
        return bytes.subarray(0, at);
      },
    };
    const inspection = await inspectPth(source);
    return json ? JSON.stringify(inspection, null, 1) : formatInspection(path, stats.size, inspection);
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.path !== undefined) throw error;
    const { message, code, hint } = error;
    throw new CheckpointError(message, { code, hint, path, cause: error });
  } finally {
    await handle.close();
  }
}
