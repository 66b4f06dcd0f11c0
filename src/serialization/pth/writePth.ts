// Writes checkpoints that torch.load reads: a stored zip with a pickle and one file per tensor storage.
// Source: torch/serialization.py `_save`, caffe2/serialize/inline_container.cc (version 3 of the format).

import { ZipWriter, type ByteSink } from '../zip/writer.ts';
import { bytesOf } from './dtypes.ts';
import { encodePickle } from './pickleWriter.ts';
import type { PthValue, TorchTensor } from './values.ts';

const ALIGNMENT = 64;

/**
 * Write a checkpoint piece by piece; besides the tensors themselves only the pickle is held in memory.
 * Numbers that are integers become Python ints (wrap them in `PyFloat` for a float). Tensors with the same data
 * share one storage.
 * @param writer not closed.
 * @returns the size of the file.
 * @throws CheckpointError `unsupported` for a value that has no pickle, before anything is written.
 */
export async function writePth(value: PthValue, writer: ByteSink): Promise<{ bytes: number }> {
  const storages = new Storages();
  const pickle = encodePickle(value, (tensor) => storages.keyOf(tensor));
  const zip = new ZipWriter(writer, { alignment: ALIGNMENT });
  await zip.add('archive/data.pkl', pickle);
  for (const [key, tensor] of storages.sorted()) await zip.add(`archive/data/${key}`, bytesOf(tensor.data));
  await zip.add('archive/version', new TextEncoder().encode('3\n'));
  return { bytes: await zip.finish() };
}

/** Build a whole checkpoint in memory. Same rules as {@link writePth}. */
export async function encodePth(value: PthValue): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const { bytes } = await writePth(value, { write: async (chunk) => void chunks.push(chunk) });
  const file = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.length;
  }
  return file;
}

class Storages {
  readonly #tensors = new Map<string, TorchTensor>();
  readonly #keys = new Map<ArrayBufferLike, Map<string, string>>();

  keyOf(tensor: TorchTensor): string {
    const { buffer, byteOffset, byteLength } = tensor.data;
    let places = this.#keys.get(buffer);
    if (!places) this.#keys.set(buffer, (places = new Map()));
    const place = `${tensor.dtype} ${byteOffset} ${byteLength}`;
    let key = places.get(place);
    if (key === undefined) {
      key = String(this.#tensors.size);
      places.set(place, key);
      this.#tensors.set(key, tensor);
    }
    return key;
  }

  /** In the order of torch.save: by key as text. */
  sorted(): [string, TorchTensor][] {
    return [...this.#tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
