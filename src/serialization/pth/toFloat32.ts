// What `tensor.copy_(other)` of PyTorch makes of any element type, for float32 and int64 tensors.
// Source: torch 1.13 aten/src/ATen/native/Copy.cpp (a C++ cast of each value); c10/util/TypeCast.h.

import { CheckpointError } from '../../errors/index.ts';
import { DECODERS, isComplex, isTorchDtype } from './dtypes.ts';

/** Data of a tensor: numbers, bit patterns or 64-bit integers, as its dtype says. */
export type RawData = ArrayLike<number> | ArrayLike<bigint>;

const tables = new Map<string, Float32Array>();

/**
 * Convert a tensor's data to float32, each value rounded once to the nearest (ties to even).
 * @param dtype PyTorch's name, such as `bfloat16`
 * @param data as in a `TorchTensor`: bit patterns for 16- and 8-bit floats, bigint for 64-bit integers; borrowed
 * @returns `data` itself where it is a Float32Array of float32, else a new array
 * @throws CheckpointError `unsupported` for complex values (PyTorch drops their imaginary part) and unknown dtypes
 */
export function toFloat32(dtype: string, data: RawData): Float32Array {
  if (!isTorchDtype(dtype))
    throw new CheckpointError(`a tensor must have an element type of PyTorch, got ${dtype}`, {
      code: 'unsupported',
    });
  if (isComplex(dtype))
    throw new CheckpointError(`a tensor must hold real numbers to be loaded, got ${dtype}`, {
      code: 'unsupported',
      hint: 'save its real part, or torch.view_as_real(x), and load that',
    });
  if (data instanceof Float32Array) return data;
  const out = new Float32Array(data.length);
  const decode = DECODERS[dtype];
  const table = decode && tableOf(dtype, decode);
  for (let i = 0; i < out.length; i++) {
    const raw = data[i] ?? 0;
    if (typeof raw === 'bigint') out[i] = bigToFloat(raw);
    else out[i] = table ? (table[raw] ?? NaN) : raw;
  }
  return out;
}

/**
 * The first value of a tensor's data as an int64: truncated towards zero; NaN and what is too large give -2^63, as on x86.
 * @throws CheckpointError as {@link toFloat32}
 */
export function toInt64(dtype: string, data: RawData): number {
  const first = data[0] ?? 0;
  if (typeof first === 'bigint') return Number(BigInt.asIntN(64, first));
  // A float64 is truncated as it is, not by way of float32.
  const isPlain = isTorchDtype(dtype) && !isComplex(dtype) && !DECODERS[dtype];
  const whole = Math.trunc(isPlain ? first : (toFloat32(dtype, [first]).at(0) ?? 0));
  return Math.abs(whole) < 2 ** 63 ? whole : -(2 ** 63);
}

function tableOf(dtype: string, decode: (bits: number) => number): Float32Array {
  let table = tables.get(dtype);
  if (!table) {
    const count = dtype.startsWith('float8') ? 1 << 8 : 1 << 16;
    tables.set(dtype, (table = Float32Array.from({ length: count }, (_, bits) => decode(bits))));
  }
  return table;
}

/** Round a 64-bit integer once: by way of a double it would be rounded twice. */
function bigToFloat(value: bigint): number {
  const near = Number(value);
  if (Number.isSafeInteger(near)) return near;
  // 54 bits or fewer, the lowest one standing for all that is cut off.
  return Number((value >> 11n) | (value & 2047n ? 1n : 0n)) * 2048;
}
