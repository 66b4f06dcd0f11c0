// PyTorch's element types: sizes, names in a pickle, and how to read one value.
// Source: torch/_utils.py `_element_size`, torch/storage.py storage class names (1.13).

export type TorchDtype =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool'
  | 'complex64'
  | 'complex128';

export type TorchData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

type TorchArrayType =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Uint16ArrayConstructor
  | BigInt64ArrayConstructor
  | Int32ArrayConstructor
  | Int16ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor;

export interface DtypeInfo {
  readonly array: TorchArrayType;
  /** Class name after `torch.` in a persistent id. */
  readonly storage: string;
  /** Array elements per tensor element: 2 for complex. */
  readonly components: 1 | 2;
}

export const DTYPES: Readonly<Record<TorchDtype, DtypeInfo>> = {
  float32: { array: Float32Array, storage: 'FloatStorage', components: 1 },
  float64: { array: Float64Array, storage: 'DoubleStorage', components: 1 },
  float16: { array: Uint16Array, storage: 'HalfStorage', components: 1 },
  bfloat16: { array: Uint16Array, storage: 'BFloat16Storage', components: 1 },
  int64: { array: BigInt64Array, storage: 'LongStorage', components: 1 },
  int32: { array: Int32Array, storage: 'IntStorage', components: 1 },
  int16: { array: Int16Array, storage: 'ShortStorage', components: 1 },
  int8: { array: Int8Array, storage: 'CharStorage', components: 1 },
  uint8: { array: Uint8Array, storage: 'ByteStorage', components: 1 },
  bool: { array: Uint8Array, storage: 'BoolStorage', components: 1 },
  complex64: { array: Float32Array, storage: 'ComplexFloatStorage', components: 2 },
  complex128: { array: Float64Array, storage: 'ComplexDoubleStorage', components: 2 },
};

const DTYPE_OF_STORAGE: ReadonlyMap<string, TorchDtype> = new Map(
  (Object.keys(DTYPES) as TorchDtype[]).map((dtype) => [DTYPES[dtype].storage, dtype]),
);

export function dtypeOfStorage(className: string): TorchDtype | undefined {
  return DTYPE_OF_STORAGE.get(className);
}

/** Bytes of one tensor element. */
export function bytesPerElement(dtype: TorchDtype): number {
  const { array, components } = DTYPES[dtype];
  return array.BYTES_PER_ELEMENT * components;
}

/** View little-endian bytes as the dtype's array; copied only when they are not aligned. Host must be little-endian. */
export function viewAs(dtype: TorchDtype, bytes: Uint8Array): TorchData {
  const { array } = DTYPES[dtype];
  const size = array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(aligned.byteLength / size));
}

/** The bytes of a tensor's data, little-endian, without copying. */
export function bytesOf(data: TorchData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A value as it reads in Python. Complex values are [re, im]. */
export type ScalarValue = number | bigint | boolean | readonly [number, number];

/** @returns element `index` of a tensor's data. */
export function valueAt(dtype: TorchDtype, data: TorchData, index: number): ScalarValue {
  if (DTYPES[dtype].components === 2) return [Number(data[2 * index]), Number(data[2 * index + 1])];
  const raw = data[index];
  if (typeof raw === 'bigint') return raw;
  if (dtype === 'bool') return raw !== 0;
  if (dtype === 'float16') return halfToNumber(raw);
  if (dtype === 'bfloat16') return bfloatToNumber(raw);
  return raw;
}

/** Decode IEEE 754 binary16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Decode bfloat16 bits: the upper half of a binary32. */
export function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0];
}
