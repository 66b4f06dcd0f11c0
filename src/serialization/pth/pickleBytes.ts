import { damaged } from './checkpointErrors.ts';

/** A cursor over the bytes of a pickle. Every read is checked against the end. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Offset of the next byte. */
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** @throws CheckpointError `damaged` beyond 2^53. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`a length of ${value} bytes can't be right`);
    return Number(value);
  }

  /** Pickle writes floats big-endian. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A view, not a copy. */
  raw(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  text(count: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.raw(count));
  }

  /** Up to the next line break, which is dropped. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.at);
    if (end < 0) throw damaged('its pickle ends inside a line');
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** A little-endian two's complement integer of any length. */
  long(count: number): number | bigint {
    let value = 0n;
    for (const byte of this.raw(count).slice().reverse()) value = (value << 8n) | BigInt(byte);
    return toInteger(count > 0 ? BigInt.asIntN(8 * count, value) : 0n);
  }

  #take(count: number): number {
    const start = this.at;
    if (count < 0 || start + count > this.#bytes.length) throw damaged('its pickle ends too early');
    this.at = start + count;
    return start;
  }
}

/** A number where it is exact, a bigint otherwise. */
export function toInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
