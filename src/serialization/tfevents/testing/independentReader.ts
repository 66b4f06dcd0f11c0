// A second reader of event files, for tests: written from the format's description alone and sharing nothing with
// ours. It computes the CRC bit by bit, works in BigInt, and throws on everything it doesn't know.

export interface SpecEvent {
  wallTime?: number;
  step: bigint;
  fileVersion?: string;
  tag?: string;
  simpleValue?: number;
  plugin?: string;
  tensor?: { dtype: bigint; shape: bigint[]; strings: string[] };
  image?: { height: bigint; width: bigint; colorspace: bigint; png: number[] };
}

/** @throws Error at the first byte that breaks the format */
export function readByTheSpec(file: Uint8Array): SpecEvent[] {
  const buffer = Buffer.from(file);
  const events: SpecEvent[] = [];
  let at = 0;
  while (at < buffer.length) {
    const length = Number(buffer.readBigUInt64LE(at));
    check(buffer.readUInt32LE(at + 8), buffer.subarray(at, at + 8), `length at ${at}`);
    const data = buffer.subarray(at + 12, at + 12 + length);
    check(buffer.readUInt32LE(at + 12 + length), data, `data at ${at + 12}`);
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

function check(stored: number, data: Buffer, what: string): void {
  let crc = 0xffffffffn;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  const rotated = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  const masked = (rotated + 0xa282ead8n) & 0xffffffffn;
  if (masked !== BigInt(stored)) throw new Error(`wrong CRC of the ${what}`);
}

type Field = readonly [number: number, value: bigint | Buffer];

function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = BigInt(message.readUInt8(at++));
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  };
  const take = (bytes: number): Buffer => {
    if (at + bytes > message.length) throw new Error('a field passes the end of its message');
    at += bytes;
    return message.subarray(at - bytes, at);
  };
  while (at < message.length) {
    const tag = varint();
    const wire = Number(tag & 7n);
    const number = Number(tag >> 3n);
    if (wire === 0) yield [number, varint()];
    else if (wire === 1) yield [number, take(8)];
    else if (wire === 2) yield [number, take(Number(varint()))];
    else if (wire === 5) yield [number, take(4)];
    else throw new Error(`wire type ${wire}`);
  }
}

const asBytes = (value: bigint | Buffer): Buffer => {
  if (typeof value === 'bigint') throw new Error('a varint where bytes belong');
  return value;
};
const asInt = (value: bigint | Buffer): bigint => {
  if (typeof value !== 'bigint') throw new Error('bytes where a varint belongs');
  return value;
};

function readEvent(data: Buffer): SpecEvent {
  const event: SpecEvent = { step: 0n };
  for (const [number, value] of fieldsOf(data)) {
    if (number === 1) event.wallTime = asBytes(value).readDoubleLE();
    else if (number === 2) event.step = asInt(value);
    else if (number === 3) event.fileVersion = asBytes(value).toString('utf8');
    else if (number === 5) readSummary(asBytes(value), event);
    else throw new Error(`Event has no field ${number}`);
  }
  return event;
}

function readSummary(data: Buffer, event: SpecEvent): void {
  for (const [field, summaryValue] of fieldsOf(data)) {
    if (field !== 1) throw new Error(`Summary has no field ${field}`);
    for (const [number, value] of fieldsOf(asBytes(summaryValue))) {
      if (number === 1) event.tag = asBytes(value).toString('utf8');
      else if (number === 2) event.simpleValue = asBytes(value).readFloatLE();
      else if (number === 4) event.image = readImage(asBytes(value));
      else if (number === 8) event.tensor = readTensor(asBytes(value));
      else if (number === 9) event.plugin = readPlugin(asBytes(value));
      else throw new Error(`Summary.Value has no field ${number}`);
    }
  }
}

function readImage(data: Buffer): SpecEvent['image'] {
  const fields = new Map(fieldsOf(data));
  const int = (number: number): bigint => asInt(fields.get(number) ?? 0n);
  const png = [...asBytes(fields.get(4) ?? 0n)];
  return { height: int(1), width: int(2), colorspace: int(3), png };
}

function readTensor(data: Buffer): SpecEvent['tensor'] {
  const tensor = { dtype: 0n, shape: [] as bigint[], strings: [] as string[] };
  for (const [number, value] of fieldsOf(data)) {
    if (number === 1) tensor.dtype = asInt(value);
    else if (number === 8) tensor.strings.push(asBytes(value).toString('utf8'));
    else if (number === 2)
      for (const [, dim] of fieldsOf(asBytes(value)))
        for (const [, size] of fieldsOf(asBytes(dim))) tensor.shape.push(asInt(size));
    else throw new Error(`no field ${number} is expected in this TensorProto`);
  }
  return tensor;
}

function readPlugin(data: Buffer): string {
  for (const [, plugin] of fieldsOf(data))
    for (const [number, name] of fieldsOf(asBytes(plugin))) if (number === 1) return asBytes(name).toString();
  throw new Error('SummaryMetadata without a plugin name');
}
