import { expect, test } from 'vitest';
import { inspectPth, readPth, verifyPth } from '../pth/index.ts';

/** A file as the format's description says: length, header, data. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(data, 8 + text.length);
  return out;
}

const HALVES = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3800).buffer);
const HEADER = {
  __metadata__: { format: 'pt' },
  'a.weight': { dtype: 'F16', shape: [2], data_offsets: [0, 4] },
  b: { dtype: 'BF16', shape: [], data_offsets: [4, 6] },
};

test('readPth reads a safetensors file as a checkpoint with state_dict and meta', async () => {
  const { tensors, meta, elements } = await inspectPth(file(HEADER, HALVES));
  expect(tensors.map(({ key, dtype, first }) => [key, dtype, first])).toEqual([
    ['state_dict.a.weight', 'float16', [1, -2]],
    ['state_dict.b', 'bfloat16', [2 ** -15]],
  ]);
  expect(meta).toEqual({ format: 'pt' });
  expect(elements).toBe(3);
  expect(await verifyPth(file(HEADER, HALVES))).toEqual({ storages: 2, bytes: 6 });
});

test('every dtype of the format is read', async () => {
  const sizes = {
    F64: 8,
    F32: 4,
    F16: 2,
    BF16: 2,
    F8_E4M3: 1,
    F8_E5M2: 1,
    F8_E8M0: 1,
    I64: 8,
    I32: 4,
    I16: 2,
    I8: 1,
    U64: 8,
    U32: 4,
    U16: 2,
    U8: 1,
    BOOL: 1,
    C64: 8,
  };
  for (const [dtype, bytes] of Object.entries(sizes)) {
    const header = { x: { dtype, shape: [1], data_offsets: [0, bytes] } };
    expect([dtype, (await inspectPth(file(header, new Uint8Array(bytes)))).tensors.length]).toEqual([
      dtype,
      1,
    ]);
  }
});

test.each([
  ['cut data', file(HEADER, HALVES.slice(0, 5)), 'damaged'],
  ['a cut header', file(HEADER, HALVES).slice(0, 40), 'damaged'],
  ['a header that is no JSON', file('{"a":'), 'damaged'],
  [
    'offsets that do not fit the shape',
    file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, new Uint8Array(8)),
    'damaged',
  ],
  [
    'negative offsets',
    file({ x: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, new Uint8Array(8)),
    'damaged',
  ],
  [
    'a huge shape',
    file({ x: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, new Uint8Array(8)),
    'damaged',
  ],
  [
    'an unknown dtype',
    file({ x: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(8)),
    'unsupported',
  ],
])('%s is refused', async (_, bytes, code) => {
  await expect(readPth(bytes)).rejects.toMatchObject({ code });
  await expect(verifyPth(bytes)).rejects.toMatchObject({ code });
});
