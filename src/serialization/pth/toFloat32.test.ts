import { expect, test } from 'vitest';
import { toFloat32, toInt64 } from './toFloat32.ts';

// Values by the definitions in c10/util/Float8_*.h; the last of each row is the largest finite one or what is beyond it.
test.each([
  ['float16', Uint16Array.of(0x3c00, 0x0001, 0x7bff, 0xfc00), [1, 2 ** -24, 65504, -Infinity]],
  ['bfloat16', Uint16Array.of(0x3f80, 0xbfc0, 0x7f80), [1, -1.5, Infinity]],
  ['float8_e4m3fn', Uint8Array.of(0x38, 0x01, 0x7e, 0xff), [1, 2 ** -9, 448, NaN]],
  ['float8_e4m3fnuz', Uint8Array.of(0x40, 0x01, 0x7f, 0x80), [1, 2 ** -10, 240, NaN]],
  ['float8_e5m2', Uint8Array.of(0x3c, 0x01, 0x7b, 0xfc), [1, 2 ** -16, 57344, -Infinity]],
  ['float8_e5m2fnuz', Uint8Array.of(0x40, 0x01, 0x7f, 0x80), [1, 2 ** -17, 57344, NaN]],
  ['float8_e8m0fnu', Uint8Array.of(127, 130, 255), [1, 8, NaN]],
  ['bool', Uint8Array.of(0, 1), [0, 1]],
  ['uint32', Uint32Array.of(2 ** 32 - 1), [2 ** 32]],
  ['float64', Float64Array.of(0.1, 1e300), [Math.fround(0.1), Infinity]],
])('toFloat32 of %s', (dtype, data, expected) => {
  expect([...toFloat32(dtype, data)]).toEqual(expected);
});

test('toFloat32 rounds 64-bit integers once: 2^60 + 2^36 + 1 lies above the middle of two float32', () => {
  // By way of a double, the 1 is lost and the tie goes to the even neighbour, 2^60.
  expect([...toFloat32('int64', BigInt64Array.of(2n ** 60n + 2n ** 36n + 1n, -3n))]).toEqual([
    2 ** 60 + 2 ** 37,
    -3,
  ]);
});

test('toFloat32 refuses complex values and unknown dtypes', () => {
  expect(() => toFloat32('complex64', Float32Array.of(1, 2))).toThrow('must hold real numbers');
  expect(() => toFloat32('qint8', Int8Array.of(1))).toThrow('element type of PyTorch, got qint8');
});

test('toInt64 truncates, decodes, and gives -2^63 for what is no integer', () => {
  expect(toInt64('float64', Float64Array.of(-2.9))).toBe(-2);
  expect(toInt64('float16', Uint16Array.of(0x4700))).toBe(7);
  expect(toInt64('int64', BigInt64Array.of(5n))).toBe(5);
  expect(toInt64('float32', Float32Array.of(NaN))).toBe(-(2 ** 63));
});
