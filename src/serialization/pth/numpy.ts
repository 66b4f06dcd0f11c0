// NumPy values inside a pickle: `meta` of checkpoints holds them by accident (a metric, a seed).
// Source: numpy/core/src/multiarray/descriptor.c (`__reduce__`, `__setstate__`), methods.c of ndarray.

import { damaged } from './checkpointErrors.ts';
import { toInteger } from './pickleBytes.ts';
import { halfToNumber } from './dtypes.ts';
import {
  countOf,
  NumpyArray,
  NumpyScalar,
  OpaqueObject,
  PyObjectStub,
  type NumpyValue,
  type PthValue,
} from './values.ts';

const NAMES: Readonly<Record<string, string>> = {
  b1: 'bool',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/** A `numpy.dtype` under construction: the byte order comes with BUILD. */
export class NumpyDtype extends PyObjectStub {
  /** Such as `f4` or `U12`. */
  readonly code: string;
  isLittleEndian = true;

  constructor(code: string) {
    super('numpy.dtype', 'dtype', [code]);
    this.code = code;
  }

  /** False for objects, dates, structures, complex and long floats. */
  get isReadable(): boolean {
    return this.code in NAMES || /^[US]\d{1,6}$/.test(this.code);
  }

  get bytesPerItem(): number {
    return Number(this.code.slice(1)) * (this.code.startsWith('U') ? 4 : 1);
  }
}

/** A `numpy.ndarray` under construction: its contents come with BUILD. */
export class NumpyArrayShell extends PyObjectStub {
  constructor() {
    super('numpy.ndarray', 'ndarray', []);
  }
}

export function makeNumpyDtype(args: readonly PthValue[]): NumpyDtype {
  const [given] = args;
  const code = typeof given === 'string' ? given.replace(/^[<>|=]/, '') : '';
  const dtype = new NumpyDtype(code);
  dtype.isLittleEndian = !String(given).startsWith('>');
  return dtype;
}

/** BUILD of a dtype: (version, byte order, ...). */
export function setDtypeState(dtype: NumpyDtype, state: PthValue): void {
  if (!Array.isArray(state)) throw damaged('a NumPy dtype has no state');
  dtype.isLittleEndian = state[1] !== '>';
}

/** A scalar; one of a dtype that has no counterpart here (a date, a structure) is opaque. */
export function makeNumpyScalar(args: readonly PthValue[]): NumpyScalar | OpaqueObject {
  const [dtype, raw] = args;
  if (!(dtype instanceof NumpyDtype)) throw damaged('a NumPy scalar is incomplete');
  if (!dtype.isReadable) return new OpaqueObject('numpy.generic', 'generic', args);
  const bytes = toRaw(raw);
  if (!bytes || bytes.length < dtype.bytesPerItem) throw damaged('a NumPy scalar is incomplete');
  return new NumpyScalar(nameOf(dtype), readItem(dtype, bytes, 0));
}

/**
 * BUILD of an array: (version, shape, dtype, is Fortran order, bytes). One of objects, dates or structures is opaque; of its
 * parts only the objects are kept.
 */
export function makeNumpyArray(state: PthValue): NumpyArray | OpaqueObject {
  if (!Array.isArray(state)) throw damaged('a NumPy array has no state');
  const [, shape, dtype, isFortran, raw] = state;
  if (!Array.isArray(shape) || !(dtype instanceof NumpyDtype))
    throw damaged('a NumPy array has no shape or dtype');
  const sizes = shape.map(Number);
  if (!dtype.isReadable) return new OpaqueObject('numpy.ndarray', 'ndarray', [shape, dtype, raw ?? null]);
  const count = countOf(sizes);
  const bytes = toRaw(raw);
  if (!bytes || bytes.length !== count * dtype.bytesPerItem)
    throw damaged(`a NumPy array [${sizes.join(', ')}] has ${bytes?.length ?? 0} bytes`);
  const items = Array.from({ length: count }, (_, i) => readItem(dtype, bytes, i));
  return new NumpyArray(sizes, nameOf(dtype), isFortran === true ? fromFortran(items, sizes) : items);
}

function nameOf(dtype: NumpyDtype): string {
  return NAMES[dtype.code] ?? dtype.code;
}

/** Protocol 2 of Python 2 gives text where Python 3 gives bytes. */
function toRaw(value: PthValue | undefined): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? Uint8Array.from(value, (c) => c.charCodeAt(0)) : undefined;
}

function readItem(dtype: NumpyDtype, bytes: Uint8Array, index: number): NumpyValue {
  const { code, isLittleEndian, bytesPerItem } = dtype;
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * bytesPerItem, bytesPerItem);
  switch (code) {
    case 'b1':
      return view.getUint8(0) !== 0;
    case 'i1':
      return view.getInt8(0);
    case 'i2':
      return view.getInt16(0, isLittleEndian);
    case 'i4':
      return view.getInt32(0, isLittleEndian);
    case 'i8':
      return toInteger(view.getBigInt64(0, isLittleEndian));
    case 'u1':
      return view.getUint8(0);
    case 'u2':
      return view.getUint16(0, isLittleEndian);
    case 'u4':
      return view.getUint32(0, isLittleEndian);
    case 'u8':
      return toInteger(view.getBigUint64(0, isLittleEndian));
    case 'f2':
      return halfToNumber(view.getUint16(0, isLittleEndian));
    case 'f4':
      return view.getFloat32(0, isLittleEndian);
    case 'f8':
      return view.getFloat64(0, isLittleEndian);
    default:
      return readText(view, code, isLittleEndian);
  }
}

/** Fixed-width text, padded with NUL: `U` is UTF-32, `S` bytes. */
function readText(view: DataView, code: string, isLittleEndian: boolean): string {
  let text = '';
  const width = code.startsWith('U') ? 4 : 1;
  for (let at = 0; at < view.byteLength; at += width) {
    const point = width === 4 ? view.getUint32(at, isLittleEndian) : view.getUint8(at);
    if (point > 0x10ffff) throw damaged('a NumPy text has an impossible character');
    text += String.fromCodePoint(point);
  }
  return text.replace(/\0+$/, '');
}

function fromFortran(items: readonly NumpyValue[], shape: readonly number[]): NumpyValue[] {
  // Element (i, j, …) lies at i + rows * (j + …): the places in C order, grown axis by axis.
  let places = [0];
  let stride = 1;
  for (const size of shape) {
    const step = stride;
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * step));
    stride *= size;
  }
  return places.flatMap((place) => items.slice(place, place + 1));
}
