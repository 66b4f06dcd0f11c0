// A plain description of a checkpoint: for the command line, for the page, and for comparing two files.

import { Tuple } from '../../util/tuple.ts';
import type { ByteSource } from '../zip/byteSource.ts';
import { crc32 } from '../zip/crc32.ts';
import { bytesOf, valueAt, type ScalarValue, type TorchDtype } from './dtypes.ts';
import { dictOf } from './findStateDict.ts';
import { keyText } from './keyText.ts';
import { readPth } from './readPth.ts';
import {
  countOf,
  NumpyArray,
  NumpyScalar,
  OpaqueObject,
  PyFloat,
  PyObjectStub,
  TorchTensor,
  UnreadableTensor,
  type PthKey,
  type PthValue,
} from './values.ts';

const FIRST_VALUES = 5;
const MAX_DEPTH = 64;
const LINE_WIDTH = 100;

export interface TensorSummary {
  /** Where it lies: `state_dict.backbone.conv1.weight`, `optimizer.state.0.momentum_buffer`. */
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: TorchDtype;
  readonly requiresGrad: boolean;
  /** The first values in C order; int64 beyond 2^53 and non-finite values as text. */
  readonly first: readonly unknown[];
  /** CRC-32 of the little-endian bytes in C order, 8 hexadecimal digits. */
  readonly crc32: string;
}

export interface Inspection {
  /** Top-level keys, in the file's order; [] when the file holds no dict. */
  readonly keys: readonly string[];
  readonly tensors: readonly TensorSummary[];
  /** Elements of the tensors in `state_dict` (or of all, in a bare state dict). */
  readonly elements: number;
  /** `meta` as plain data, or null. */
  readonly meta: unknown;
  /** All but meta and state_dict as plain data, such as the optimizer's `param_groups`; tensors are left out. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** Read a checkpoint and describe it. @throws CheckpointError as `readPth` */
export async function inspectPth(input: Uint8Array | ByteSource): Promise<Inspection> {
  const value = await readPth(input);
  const tensors: TensorSummary[] = [];
  collect(value, '', tensors, []);
  const top = value instanceof Map ? value : new Map<never, never>();
  const names = [...top.keys()].map(keyText);
  const rest: Record<string, unknown> = {};
  for (const [key, item] of top)
    if (key !== 'meta' && key !== 'state_dict' && !(item instanceof TorchTensor))
      rest[keyText(key)] = toPlain(item);
  const weights =
    dictOf(top.get('state_dict')) === undefined
      ? tensors
      : tensors.filter((t) => t.key.startsWith('state_dict.'));
  return {
    keys: names,
    tensors,
    elements: weights.reduce((sum, tensor) => sum + countOf(tensor.shape), 0),
    meta: toPlain(top.get('meta') ?? null),
    rest,
  };
}

/** Write an inspection as text, one tensor per line. */
export function formatInspection(path: string, bytes: number, inspection: Inspection): string {
  const { keys, tensors, elements, meta, rest } = inspection;
  const lines = [`${path}: ${bytes} bytes, ${tensors.length} tensors, ${elements} parameters and buffers`];
  if (keys.length > 0 && keys.length <= 20) lines.push(`keys: ${keys.join(', ')}`);
  if (meta !== null) lines.push('', 'meta', ...describe(meta));
  const keyWidth = Math.min(60, Math.max(0, ...tensors.map((t) => t.key.length)));
  const shapeWidth = Math.max(0, ...tensors.map((t) => shapeText(t).length));
  if (tensors.length > 0) lines.push('', 'tensors (key, dtype and shape, CRC-32, first values)');
  for (const tensor of tensors) {
    const more = countOf(tensor.shape) > tensor.first.length ? ', …' : '';
    const values = tensor.first.map(valueText).join(', ');
    const shape = shapeText(tensor).padEnd(shapeWidth);
    lines.push(`  ${tensor.key.padEnd(keyWidth)}  ${shape}  ${tensor.crc32}  [${values}${more}]`);
  }
  for (const [key, value] of Object.entries(rest)) lines.push('', key, ...describe(value));
  return lines.join('\n');
}

function collect(value: PthValue, path: string, out: TensorSummary[], above: readonly PthValue[]): void {
  if (value instanceof TorchTensor) {
    out.push(summarise(value, path));
    return;
  }
  // A pickle may hold itself; each value is followed once on its way down.
  if (above.length > MAX_DEPTH || above.includes(value)) return;
  const inside = [...above, value];
  const join = (key: string): string => (path === '' ? key : `${path}.${key}`);
  if (value instanceof Map) for (const [key, item] of value) collect(item, join(keyText(key)), out, inside);
  else if (Array.isArray(value)) value.forEach((item, i) => collect(item, join(String(i)), out, inside));
  else if (value instanceof OpaqueObject) {
    for (const part of [value.args, value.items, value.entries])
      if (part) collect(part as PthValue, path, out, inside);
    if (value.state instanceof Map) collectState(value.state, path, out, inside);
  }
}

/** The attributes of a foreign object; the tables of a whole model are left out of the names, as `state_dict()` does. */
function collectState(
  state: ReadonlyMap<PthKey, PthValue>,
  path: string,
  out: TensorSummary[],
  above: readonly PthValue[],
): void {
  for (const [key, item] of state) {
    const isTable = key === '_parameters' || key === '_buffers' || key === '_modules';
    const name = keyText(key);
    collect(item, isTable ? path : path === '' ? name : `${path}.${name}`, out, above);
  }
}

function summarise(tensor: TorchTensor, key: string): TensorSummary {
  const { shape, dtype, data, requiresGrad } = tensor;
  const count = Math.min(FIRST_VALUES, countOf(shape));
  const first = Array.from({ length: count }, (_, i) => plainScalar(valueAt(dtype, data, i)));
  return {
    key,
    shape,
    dtype,
    requiresGrad,
    first,
    crc32: crc32(bytesOf(data)).toString(16).padStart(8, '0'),
  };
}

function plainScalar(value: ScalarValue): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'boolean' ? value : value.map(plainScalar);
}

function toPlain(value: PthValue, depth = 0): unknown {
  if (depth > MAX_DEPTH) return '...';
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return plainScalar(value);
  if (value instanceof PyFloat) return plainScalar(value.value);
  if (value instanceof TorchTensor) return '<tensor>';
  if (value instanceof NumpyScalar) return toPlain(value.value, depth);
  if (value instanceof NumpyArray) return value.data.map((item) => toPlain(item, depth));
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof OpaqueObject) return plainOpaque(value, depth);
  if (value instanceof UnreadableTensor) return `<tensor, ${value.kind}>`;
  if (value instanceof PyObjectStub) return `<${value.qualifiedName}>`;
  if (Array.isArray(value) || value instanceof Tuple)
    return Array.from(value, (item) => toPlain(item, depth + 1));
  if (value instanceof Set) return Array.from(value, (item) => toPlain(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const out: [string, unknown][] = [];
  for (const [key, item] of entries as [unknown, PthValue][]) {
    const plain = item instanceof TorchTensor ? {} : toPlain(item, depth + 1);
    // Tensors are listed elsewhere; a dict of nothing else (an optimizer's state) would only be noise.
    if (isEmptyObject(plain) && !(item instanceof Map && item.size === 0)) continue;
    out.push([keyText(key), plain]);
  }
  return Object.fromEntries(out);
}

/** `<argparse.Namespace>` where there is nothing inside, else `{'<argparse.Namespace>': what is inside}`. */
function plainOpaque({ qualifiedName, args, items, entries, state }: OpaqueObject, depth: number): unknown {
  const parts = Object.entries({ args, items, entries, state }).flatMap(([key, part]) => {
    const isEmpty = part === undefined || part === null || (Array.isArray(part) && part.length === 0);
    return isEmpty ? [] : [[key, toPlain(part as PthValue, depth + 1)] as const];
  });
  const [only, ...more] = parts;
  if (!only) return `<${qualifiedName}>`;
  return { [`<${qualifiedName}>`]: more.length === 0 ? only[1] : Object.fromEntries(parts) };
}

/** One line where it is short, otherwise one line per item. */
function describe(value: unknown, indent = '  '): string[] {
  const text = JSON.stringify(value) ?? 'null';
  if (typeof value !== 'object' || value === null || text.length + indent.length <= LINE_WIDTH)
    return typeof value === 'string' ? value.split('\n').map((line) => indent + line) : [indent + text];
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = describe(item, `${indent}  `);
    const [only = ''] = inner;
    if (inner.length === 1) return [`${indent}${key}: ${only.trim()}`];
    return [`${indent}${key}:`, ...inner];
  });
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

const shapeText = (tensor: TensorSummary): string => `${tensor.dtype}[${tensor.shape.join(', ')}]`;
const valueText = (value: unknown): string =>
  typeof value === 'number' && !Number.isInteger(value)
    ? String(Number(value.toPrecision(7)))
    : JSON.stringify(value);
