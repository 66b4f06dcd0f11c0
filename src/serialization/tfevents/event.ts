// TensorBoard's Event messages: scalars, texts and pictures, written and read.
// Source: tensorflow `core/util/event.proto`, `core/framework/summary.proto`, `tensor.proto`; the shape of texts and
// pictures as PyTorch 1.13 `torch/utils/tensorboard/summary.py` writes them.

import { assertNever } from '../../errors/invariant.ts';
import { ProtoWriter, readFields, type ProtoField } from './protobuf.ts';

/** What the first record of a file says. */
export const FILE_VERSION = 'brain.Event:2';

/** `tensorflow.DataType` DT_STRING. */
const DT_STRING = 7;
const RGB_CHANNELS = 3;
const TEXT_SUFFIX = '/text_summary';

export type SummaryValue =
  | { readonly kind: 'scalar'; readonly tag: string; /** Kept as float32. */ readonly value: number }
  | { readonly kind: 'text'; readonly tag: string; readonly text: string }
  | {
      readonly kind: 'image';
      readonly tag: string;
      readonly width: number;
      readonly height: number;
      readonly png: Uint8Array;
    };

export interface TfEvent {
  /** Seconds since 1970. */
  readonly wallTimeS: number;
  /** Default 0. */
  readonly step?: number;
  /** In a file's first event only. */
  readonly fileVersion?: string;
  readonly value?: SummaryValue;
}

/** One Event message. */
export function encodeEvent({ wallTimeS, step = 0, fileVersion, value }: TfEvent): Uint8Array {
  const event = new ProtoWriter().double(1, wallTimeS);
  if (step !== 0) event.varint(2, step);
  if (fileVersion !== undefined) event.bytes(3, fileVersion);
  if (value) event.bytes(5, new ProtoWriter().bytes(1, encodeValue(value)));
  return event.finish();
}

function encodeValue(value: SummaryValue): ProtoWriter {
  const message = new ProtoWriter();
  switch (value.kind) {
    case 'scalar':
      return message.bytes(1, value.tag).float(2, value.value);
    case 'text': {
      const shape = new ProtoWriter().bytes(2, new ProtoWriter().varint(1, 1));
      const tensor = new ProtoWriter().varint(1, DT_STRING).bytes(2, shape).bytes(8, value.text);
      const plugin = new ProtoWriter().bytes(1, 'text');
      const metadata = new ProtoWriter().bytes(1, plugin);
      return message
        .bytes(1, value.tag + TEXT_SUFFIX)
        .bytes(8, tensor)
        .bytes(9, metadata);
    }
    case 'image': {
      const image = new ProtoWriter()
        .varint(1, value.height)
        .varint(2, value.width)
        .varint(3, RGB_CHANNELS)
        .bytes(4, value.png);
      return message.bytes(1, value.tag).bytes(4, image);
    }
    default:
      return assertNever(value, 'summary value');
  }
}

/** @returns null when the bytes are not an Event; a value of another kind is left out. */
export function decodeEvent(data: Uint8Array): TfEvent | null {
  const fields = readFields(data);
  if (!fields) return null;
  const wallTime = bytesOf(fields, 1);
  const fileVersion = bytesOf(fields, 3);
  const value = decodeValue(bytesOf(readFields(bytesOf(fields, 5) ?? new Uint8Array()), 1));
  return {
    wallTimeS: wallTime?.length === 8 ? viewOf(wallTime).getFloat64(0, true) : 0,
    step: numberOf(fields, 2) ?? 0,
    ...(fileVersion && { fileVersion: textOf(fileVersion) }),
    ...(value && { value }),
  };
}

function decodeValue(data: Uint8Array | undefined): SummaryValue | null {
  const fields = data && readFields(data);
  if (!fields) return null;
  const tag = textOf(bytesOf(fields, 1) ?? new Uint8Array());
  const scalar = bytesOf(fields, 2);
  if (scalar?.length === 4) return { kind: 'scalar', tag, value: viewOf(scalar).getFloat32(0, true) };
  const image = bytesOf(fields, 4);
  if (image) {
    const parts = readFields(image);
    const png = bytesOf(parts, 4) ?? new Uint8Array();
    return { kind: 'image', tag, height: numberOf(parts, 1) ?? 0, width: numberOf(parts, 2) ?? 0, png };
  }
  const tensor = bytesOf(fields, 8);
  const content = tensor && bytesOf(readFields(tensor), 8);
  if (!content || !tag.endsWith(TEXT_SUFFIX)) return null;
  return { kind: 'text', tag: tag.slice(0, -TEXT_SUFFIX.length), text: textOf(content) };
}

function bytesOf(fields: readonly ProtoField[] | null, field: number): Uint8Array | undefined {
  const value = fields?.find((f) => f.field === field)?.value;
  return value instanceof Uint8Array ? value : undefined;
}

function numberOf(fields: readonly ProtoField[] | null, field: number): number | undefined {
  const value = fields?.find((f) => f.field === field)?.value;
  return typeof value === 'number' ? value : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
