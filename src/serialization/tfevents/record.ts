// TFRecord framing: uint64 length, its masked CRC-32C, the data, its masked CRC-32C, all little-endian.
// Source: tensorflow.org, "TFRecord and tf.train.Example"; `lib/io/record_writer.cc`.

import { maskedCrc32c } from './crc32c.ts';
import { decodeEvent, encodeEvent, type TfEvent } from './event.ts';

const HEAD_BYTES = 12;
const FRAME_BYTES = 16;

/** Records ready to be appended to an event file. */
export function encodeRecords(events: readonly TfEvent[]): Uint8Array {
  const records = events.map(encodeEvent);
  const bytes = new Uint8Array(records.reduce((sum, data) => sum + FRAME_BYTES + data.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const data of records) {
    // No record comes near 2^32 bytes: the upper half of the length stays 0.
    view.setUint32(at, data.length, true);
    view.setUint32(at + 8, maskedCrc32c(bytes.subarray(at, at + 8)), true);
    bytes.set(data, at + HEAD_BYTES);
    view.setUint32(at + HEAD_BYTES + data.length, maskedCrc32c(data), true);
    at += FRAME_BYTES + data.length;
  }
  return bytes;
}

export interface ReadEvents {
  readonly events: readonly TfEvent[];
  /** Bytes of whole, sound records; less than the file's when its end was cut off or is damaged. */
  readonly soundBytes: number;
}

/** Read an event file up to its end, or up to the first record that is cut off or fails its CRC. */
export function readRecords(bytes: Uint8Array): ReadEvents {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: TfEvent[] = [];
  let at = 0;
  while (at + FRAME_BYTES <= bytes.length) {
    const length = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
    const end = at + HEAD_BYTES + length;
    if (view.getUint32(at + 8, true) !== maskedCrc32c(bytes.subarray(at, at + 8))) break;
    if (end + 4 > bytes.length) break;
    const data = bytes.subarray(at + HEAD_BYTES, end);
    const event = view.getUint32(end, true) === maskedCrc32c(data) ? decodeEvent(data) : null;
    if (!event) break;
    events.push(event);
    at = end + 4;
  }
  return { events, soundBytes: at };
}
