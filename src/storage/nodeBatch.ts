// Many files into one folder of the disk: written in place and synced at the end. Node only.
// A sync of each file on its own waits for the journal each time; after the first one the others find little to do.

import { constants } from 'node:fs';
import * as fsp from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileBatch } from '../contracts/fileSystem.ts';
import { makeFolders, syncFolder, translate } from './nodeCalls.ts';
import { joinPath, normalizePath } from './path.ts';

const SYNCS_AT_ONCE = 8;

export class NodeBatch implements FileBatch {
  readonly #root: string;
  readonly #shownRoot: string;
  readonly #files: string[] = [];
  readonly #folders = new Map<string, Promise<void>>();

  /** @param root absolute; made on the first write. @param shownRoot the same for messages */
  constructor(root: string, shownRoot: string) {
    this.#root = root;
    this.#shownRoot = shownRoot;
  }

  async write(path: string, data: Uint8Array): Promise<void> {
    const file = normalizePath(path);
    const full = join(this.#root, file);
    const folder = dirname(full);
    try {
      const made = this.#folders.get(folder) ?? makeFolders(folder);
      this.#folders.set(folder, made);
      await made;
      await fsp.writeFile(full, data);
    } catch (error) {
      throw translate(joinPath(this.#shownRoot, file), error);
    }
    this.#files.push(file);
  }

  async finish(onFile: () => void): Promise<void> {
    const rest = this.#files.values();
    const lane = async (): Promise<void> => {
      for (const file of rest) {
        try {
          await syncFile(join(this.#root, file));
        } catch (error) {
          throw translate(joinPath(this.#shownRoot, file), error);
        }
        onFile();
      }
    };
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, lane));
    for (const folder of this.#folders.keys()) await syncFolder(folder);
  }
}

async function syncFile(full: string): Promise<void> {
  const handle = await fsp.open(full, constants.O_RDWR);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
