// The format of torch.save before 1.6 (`_use_new_zipfile_serialization=False`): five pickles in a row, then the raw
// storages, each with its element count in front.
// Source: torch/serialization.py `_legacy_save`, `_legacy_load`.

import { damaged, unsupported } from './checkpointErrors.ts';
import { bytesPerElement } from './dtypes.ts';
import { StorageCollector, TensorReader } from './tensorBuilder.ts';
import { unpickle, type UnpickleOptions } from './unpickler.ts';
import type { PthValue } from './values.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** @returns the offset after the header, or undefined when these bytes are another format. */
export function legacyHeaderEnd(bytes: Uint8Array): number | undefined {
  // PROTO 2, LONG1 of ten bytes: the only way this magic number is ever written.
  if (bytes.length < 4 || bytes[0] !== 0x80 || bytes[2] !== 0x8a || bytes[3] !== 10) return undefined;
  const magic = unpickle(bytes, new StorageCollector());
  return magic.value === MAGIC ? magic.end : undefined;
}

/** @throws CheckpointError */
export function readLegacy(
  bytes: Uint8Array,
  headerEnd: number,
  copyBudget: number,
  options: UnpickleOptions,
): PthValue {
  const plan = scanLegacy(bytes, headerEnd);
  const reader = new TensorReader((key) => plan.storages.get(key), copyBudget);
  return unpickle(bytes, reader, options, plan.objectStart).value;
}

/** Check that a file is whole, and find its storages. @throws CheckpointError */
export function scanLegacy(
  bytes: Uint8Array,
  headerEnd: number,
): { objectStart: number; storages: Map<string, Uint8Array>; value: PthValue } {
  const collector = new StorageCollector();
  const protocol = unpickle(bytes, collector, {}, headerEnd);
  if (protocol.value !== PROTOCOL) throw unsupported(`it has format version ${String(protocol.value)}`);
  const system = unpickle(bytes, collector, {}, protocol.end);
  if (system.value instanceof Map && system.value.get('little_endian') === false)
    throw unsupported('it was written by a big-endian computer', 'save it again with a current PyTorch');
  const object = unpickle(bytes, collector, {}, system.end);
  const keys = unpickle(bytes, collector, {}, object.end);
  if (!Array.isArray(keys.value)) throw damaged('its list of storages is missing');
  const storages = new Map<string, Uint8Array>();
  let at = keys.end;
  for (const key of keys.value.map(String)) {
    const storage = collector.storages.get(key);
    if (!storage) throw damaged(`storage ${key} belongs to no tensor`);
    if (at + 8 > bytes.length) throw damaged(`it ends before storage ${key}`);
    const count = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(at, true));
    if (count !== storage.count)
      throw damaged(`storage ${key} should have ${storage.count} elements, got ${count}`);
    const end = at + 8 + count * bytesPerElement(storage.dtype);
    if (end > bytes.length) throw damaged(`it ends inside storage ${key}`);
    storages.set(key, bytes.subarray(at + 8, end));
    at = end;
  }
  return { objectStart: system.end, storages, value: object.value };
}
