// PyTorch's element types: sizes, names in a pickle, and how to read one value.
// Source: torch/_utils.py `_element_size`, torch/storage.py storage class names (1.13); c10/util/Float8_*.h for the 8-bit floats.

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
  | 'complex128'
  | UntypedDtype;

/** Element types without a storage class of their own: their bytes lie in an UntypedStorage. */
type UntypedDtype =
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'complex32'
  | 'float8_e4m3fn'
  | 'float8_e4m3fnuz'
  | 'float8_e5m2'
  | 'float8_e5m2fnuz'
  | 'float8_e8m0fnu';

export type TorchData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array
  | Uint32Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

type TorchArrayType =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Uint16ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor
  | Uint32ArrayConstructor
  | Int32ArrayConstructor
  | Int16ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor;

export interface DtypeInfo {
  readonly array: TorchArrayType;
  /** Class name after `torch.` in a persistent id; `UntypedStorage` where the dtype has none of its own. */
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
  uint16: untyped(Uint16Array),
  uint32: untyped(Uint32Array),
  uint64: untyped(BigUint64Array),
  complex32: { ...untyped(Uint16Array), components: 2 },
  float8_e4m3fn: untyped(Uint8Array),
  float8_e4m3fnuz: untyped(Uint8Array),
  float8_e5m2: untyped(Uint8Array),
  float8_e5m2fnuz: untyped(Uint8Array),
  float8_e8m0fnu: untyped(Uint8Array),
};

function untyped(array: TorchArrayType): DtypeInfo {
  return { array, storage: 'UntypedStorage', components: 1 };
}

const DTYPE_OF_STORAGE: ReadonlyMap<string, TorchDtype> = new Map<string, TorchDtype>([
  ...(Object.keys(DTYPES) as TorchDtype[]).map((dtype) => [DTYPES[dtype].storage, dtype] as const),
  // Untyped storages hold bytes: the tensor names its element type itself.
  ['UntypedStorage', 'uint8'],
  // What quantised tensors keep; such a tensor is shown, never read.
  ['QInt8Storage', 'int8'],
  ['QUInt8Storage', 'uint8'],
  ['QInt32Storage', 'int32'],
]);

/** Whether a name, such as `float16`, is one of {@link TorchDtype}. */
export function isTorchDtype(name: string): name is TorchDtype {
  return Object.hasOwn(DTYPES, name);
}

export function isComplex(dtype: TorchDtype): boolean {
  return DTYPES[dtype].components === 2;
}

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

/** @returns element `index` of a tensor's data. @throws RangeError outside of it */
export function valueAt(dtype: TorchDtype, data: TorchData, index: number): ScalarValue {
  const { components } = DTYPES[dtype];
  const decode = DECODERS[dtype];
  const item = (at: number): number | bigint => {
    const raw = data[at];
    if (raw === undefined) throw new RangeError(`internal: a tensor has no element ${index}`);
    return decode && typeof raw === 'number' ? decode(raw) : raw;
  };
  if (components === 2) return [Number(item(2 * index)), Number(item(2 * index + 1))];
  return dtype === 'bool' ? item(index) !== 0 : item(index);
}

/** Decode IEEE 754 binary16 bits. */
export function halfToNumber(bits: number): number {
  return miniFloat(bits, 5, 10, 15, 'ieee');
}

/** Decode bfloat16 bits: the upper half of a binary32. */
export function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}

/** How the bit patterns of a dtype that JavaScript has no array for become numbers. */
export const DECODERS: Readonly<Partial<Record<TorchDtype, (bits: number) => number>>> = {
  float16: halfToNumber,
  complex32: halfToNumber,
  bfloat16: bfloatToNumber,
  float8_e4m3fn: (bits) => miniFloat(bits, 4, 3, 7, 'fn'),
  float8_e4m3fnuz: (bits) => miniFloat(bits, 4, 3, 8, 'fnuz'),
  float8_e5m2: (bits) => miniFloat(bits, 5, 2, 15, 'ieee'),
  float8_e5m2fnuz: (bits) => miniFloat(bits, 5, 2, 16, 'fnuz'),
  float8_e8m0fnu: (bits) => (bits === 255 ? NaN : 2 ** (bits - 127)),
};

/**
 * Decode a sign, an exponent and a fraction of few bits.
 * @param kind `ieee`: the largest exponent is infinity and NaN; `fn`: finite, all ones is NaN; `fnuz`: finite, no negative
 * zero, whose pattern is NaN
 */
function miniFloat(
  bits: number,
  exponentBits: number,
  fractionBits: number,
  bias: number,
  kind: 'ieee' | 'fn' | 'fnuz',
): number {
  const magnitude = bits & ((1 << (exponentBits + fractionBits)) - 1);
  const sign = bits === magnitude ? 1 : -1;
  const steps = 1 << fractionBits;
  const exponent = magnitude >> fractionBits;
  const fraction = magnitude & (steps - 1);
  const last = (1 << exponentBits) - 1;
  if (kind === 'fnuz' && magnitude === 0 && sign < 0) return NaN;
  if (kind === 'ieee' && exponent === last) return fraction ? NaN : sign * Infinity;
  if (kind === 'fn' && exponent === last && fraction === steps - 1) return NaN;
  if (exponent === 0) return sign * (fraction / steps) * 2 ** (1 - bias);
  return sign * (1 + fraction / steps) * 2 ** (exponent - bias);
}
