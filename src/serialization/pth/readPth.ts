// Reads what torch.save wrote, without executing anything of it.
// Source: torch/serialization.py `_load`, caffe2/serialize/inline_container.cc.

import { CheckpointError } from '../../errors/index.ts';
import { describeForeign, describeForeignZip, type ForeignFile } from '../foreignFile.ts';
import { isSafetensors, readSafetensors, verifySafetensors } from '../safetensors/readSafetensors.ts';
import { bytesSource, type ByteSource } from '../zip/byteSource.ts';
import type { ZipEntry } from '../zip/centralDirectory.ts';
import { openZip, type ZipArchive } from '../zip/zipArchive.ts';
import { ZipError } from '../zip/zipError.ts';
import { damaged, unsupported } from './checkpointErrors.ts';
import { bytesPerElement } from './dtypes.ts';
import { legacyHeaderEnd, readLegacy, scanLegacy } from './legacy.ts';
import { StorageCollector, TensorReader } from './tensorBuilder.ts';
import { unpickle, type UnpickleOptions } from './unpickler.ts';
import type { PthValue } from './values.ts';

const MIN_COPY_BYTES = 1 << 28;

/**
 * Read a checkpoint: torch.save's zip (since PyTorch 1.6), its legacy format, or safetensors (then a dict of `state_dict`).
 * Views become tensors in C order. Every CRC-32 of a zip is checked. Foreign objects come as `OpaqueObject`.
 * @throws CheckpointError `damaged`, `unsafe-global` (names the global; nothing is executed), `unsupported`,
 * `not-a-checkpoint` (says what the file is).
 */
export async function readPth(
  input: Uint8Array | ByteSource,
  options: UnpickleOptions = {},
): Promise<PthValue> {
  const source = input instanceof Uint8Array ? bytesSource(input) : input;
  const copyBudget = Math.max(MIN_COPY_BYTES, 4 * source.size);
  return guarded(async () => {
    if (!(await isZip(source))) {
      if (isSafetensors(await source.read(0, 9))) return readSafetensors(source);
      const { bytes, headerEnd } = await openLegacy(source);
      return readLegacy(bytes, headerEnd, copyBudget, options);
    }
    const file = await openCheckpoint(source);
    // A pass over the pickle first: an unsafe file is refused before a single tensor is read.
    const { storages } = file.scan();
    const bytes = new Map<string, Uint8Array>();
    for (const key of storages.keys()) bytes.set(key, await file.zip.read(file.storageEntry(key)));
    const reader = new TensorReader((key) => bytes.get(key), copyBudget);
    return unpickle(file.pickle, reader, options).value;
  });
}

/**
 * Check cheaply that a file which was just written can be read: its table of contents, its pickle (CRC included),
 * and that every tensor lies inside its storage and every storage inside the file.
 * @returns how many storages there are and their bytes together.
 * @throws CheckpointError as {@link readPth}
 */
export async function verifyPth(
  input: Uint8Array | ByteSource,
): Promise<{ storages: number; bytes: number }> {
  const source = input instanceof Uint8Array ? bytesSource(input) : input;
  return guarded(async () => {
    if (!(await isZip(source))) {
      if (isSafetensors(await source.read(0, 9))) return verifySafetensors(source);
      const { bytes, headerEnd } = await openLegacy(source);
      const found = [...scanLegacy(bytes, headerEnd).storages.values()];
      return { storages: found.length, bytes: found.reduce((sum, storage) => sum + storage.length, 0) };
    }
    const file = await openCheckpoint(source);
    const { storages } = file.scan();
    let bytes = 0;
    for (const [key, storage] of storages) {
      const entry = file.storageEntry(key);
      await file.zip.dataRange(entry);
      const wanted = storage.count * bytesPerElement(storage.dtype);
      if (entry.size < wanted) throw damaged(`storage ${key} should have ${wanted} bytes, got ${entry.size}`);
      bytes += entry.size;
    }
    return { storages: storages.size, bytes };
  });
}

interface CheckpointFile {
  readonly zip: ZipArchive;
  readonly pickle: Uint8Array;
  /** Run the pickle without tensors. */
  scan(): StorageCollector;
  storageEntry(key: string): ZipEntry;
}

async function openCheckpoint(source: ByteSource): Promise<CheckpointFile> {
  const zip = await openZip(source);
  const byName = new Map(zip.entries.map((entry) => [entry.name, entry]));
  const main = zip.entries.find((entry) => /^([^/]+\/)?data\.pkl$/.test(entry.name));
  if (!main) throw notACheckpoint(describeForeignZip(zip.entries.map(({ name }) => name)));
  const root = main.name.slice(0, -'data.pkl'.length);
  if (byName.has(`${root}constants.pkl`))
    throw unsupported(
      'it is a TorchScript program',
      "save its weights: torch.save({'state_dict': torch.jit.load(path).state_dict()}, 'weights.pth')",
    );
  const order = byName.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(await zip.read(order)).trim() === 'big')
    throw unsupported('it was written by a big-endian computer', 'save it again on another computer');
  const pickle = await zip.read(main);
  return {
    zip,
    pickle,
    scan() {
      const collector = new StorageCollector();
      unpickle(pickle, collector);
      return collector;
    },
    storageEntry(key) {
      const entry = byName.get(`${root}data/${key}`);
      if (!entry) throw damaged(`it lacks the storage data/${key}`);
      return entry;
    },
  };
}

async function isZip(source: ByteSource): Promise<boolean> {
  const head = await source.read(0, 4);
  return head.length === 4 && head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

async function openLegacy(source: ByteSource): Promise<{ bytes: Uint8Array; headerEnd: number }> {
  if (source.size === 0) throw damaged('it has 0 bytes');
  const head = await source.read(0, Math.min(512, source.size));
  if (head[0] !== 0x80) throw notACheckpoint(describeForeign(head, source.size));
  const bytes = await source.read(0, source.size);
  const headerEnd = legacyHeaderEnd(bytes);
  if (headerEnd === undefined) throw notACheckpoint(describeForeign(head, source.size));
  return { bytes, headerEnd };
}

function notACheckpoint({ what, hint }: ForeignFile): CheckpointError {
  return new CheckpointError(`checkpoint must be a file that torch.save wrote, got ${what}`, {
    code: 'not-a-checkpoint',
    hint,
  });
}

/** A broken zip is a damaged checkpoint. */
async function guarded<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ZipError) throw damaged(error.message, error);
    throw error;
  }
}
