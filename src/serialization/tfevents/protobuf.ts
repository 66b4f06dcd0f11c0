// The part of the protocol buffers wire format that TensorBoard's messages need.
// Source: protobuf.dev, "Encoding".

const text = new TextEncoder();

/** Collects the fields of one message, in the order they are added. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  /** @param value a whole number in [0, 2^53) */
  varint(field: number, value: number): this {
    this.#tag(field, 0);
    this.#varint(value);
    return this;
  }

  double(field: number, value: number): this {
    this.#tag(field, 1);
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, true);
    return this.#raw(new Uint8Array(view.buffer));
  }

  float(field: number, value: number): this {
    this.#tag(field, 5);
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value, true);
    return this.#raw(new Uint8Array(view.buffer));
  }

  /** A string, raw bytes or a nested message. */
  bytes(field: number, value: string | Uint8Array | ProtoWriter): this {
    const data =
      typeof value === 'string' ? text.encode(value) : value instanceof ProtoWriter ? value.finish() : value;
    this.#tag(field, 2);
    this.#varint(data.length);
    return this.#raw(data);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    // Division, not shifts: steps may pass 2^31.
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
    this.#raw(Uint8Array.from(bytes));
  }

  #raw(data: Uint8Array): this {
    this.#parts.push(data);
    return this;
  }
}

/** One field of a message; numbers of both fixed widths as their eight or four bytes. */
export interface ProtoField {
  readonly field: number;
  /** Varints as a number; the others as a view of the message's bytes. */
  readonly value: number | Uint8Array;
}

/**
 * Read the fields of a message, in their order.
 * @returns null when the bytes are not a message
 */
export function readFields(data: Uint8Array): ProtoField[] | null {
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < data.length; scale *= 128) {
      const byte = data[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < data.length) {
    const tag = varint();
    const wireType = tag % 8;
    const field = Math.floor(tag / 8);
    if (wireType === 0) {
      fields.push({ field, value: varint() });
      continue;
    }
    const length = wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 2 ? varint() : NaN;
    if (!(at + length <= data.length)) return null;
    fields.push({ field, value: data.subarray(at, at + length) });
    at += length;
  }
  return fields.some(({ value }) => Number.isNaN(value)) ? null : fields;
}
