import { describe, expect, test } from 'vitest';
import { Tuple } from '../../util/tuple.ts';
import { bytesSource } from '../zip/byteSource.ts';
import { openZip } from '../zip/zipArchive.ts';
import { inspectPth } from './inspectPth.ts';
import { readPth, verifyPth } from './readPth.ts';
import { OrderedMap, PyFloat, PyObjectStub, TorchTensor, type PthKey, type PthValue } from './values.ts';
import { encodePth, writePth } from './writePth.ts';

const float = (...values: number[]): TorchTensor =>
  new TorchTensor({ shape: [values.length], dtype: 'float32', data: Float32Array.from(values) });

const keep = { keepFloats: true };

describe('writePth', () => {
  test('every kind of value survives writing and reading', async () => {
    const state = new OrderedMap<PthKey, PthValue>([['w', float(1, 2)]]);
    state.attributes = new Map([['_metadata', new OrderedMap([['', new Map([['version', 2]])]])]]);
    const value = new Map<PthKey, PthValue>([
      ['ints', [0, 1, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -1, -129, -(2 ** 31), -(2 ** 31) - 1]],
      ['big', [2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 63n, -(2n ** 63n), 2n ** 200n, -(2n ** 200n)]],
      ['floats', [0.1, -0, NaN, Infinity, -Infinity, 5e-324, new PyFloat(3), new PyFloat(1e300)]],
      ['text', ['', 'é 中 🐸', 'x'.repeat(1000), 'line\nbreak']],
      ['bytes', Uint8Array.of(0, 127, 128, 255)],
      ['none', null],
      ['bools', [true, false]],
      [
        'tuples',
        [Tuple.of(), Tuple.of<PthValue>(1), Tuple.of<PthValue>(1, 2), Tuple.of<PthValue>(1, 2, 3, 4)],
      ],
      ['nested', [[], [[]], new Map()]],
      [
        'keys',
        new Map<PthKey, PthValue>([
          [0, 'int'],
          ['0', 'text'],
          [2n ** 64n, 'big'],
          [null, 'none'],
        ]),
      ],
      ['set', new Set<PthKey>([1, 'a'])],
      ['state', state],
      ['dtype', new PyObjectStub('torch.float16', 'dtype')],
      ['device', new PyObjectStub('torch.device', 'device', ['cpu'])],
    ]);
    const back = await readPth(await encodePth(value), keep);
    // 1e300 is an integer too, but no safe one: it comes back as PyFloat under keepFloats.
    const plainStub = (v: unknown): unknown => JSON.stringify(v);
    expect(plainStub((back as Map<PthKey, PthValue>).get('dtype'))).toContain('torch.float16');
    for (const [key, item] of value) {
      if (key === 'dtype' || key === 'floats') continue;
      expect([key, (back as Map<PthKey, PthValue>).get(key)]).toEqual([key, item]);
    }
    expect((back as Map<PthKey, PthValue>).get('floats')).toEqual([
      0.1,
      new PyFloat(-0),
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      new PyFloat(3),
      new PyFloat(1e300),
    ]);
    expect(await encodePth(back)).toEqual(await encodePth(value));
  });

  test('plain objects are dicts', async () => {
    const bytes = await encodePth({ a: 1, b: { c: [2] } });
    expect(await readPth(bytes)).toEqual(
      new Map<string, PthValue>([
        ['a', 1],
        ['b', new Map([['c', [2]]])],
      ]),
    );
  });

  test('more than 256 and more than 1000 items survive', async () => {
    const value = new OrderedMap(
      Array.from({ length: 2500 }, (_, i): [string, PthValue] => [`key${i}`, [i, `key${i}`]]),
    );
    expect(await readPth(await encodePth(value))).toEqual(value);
    const list = Array.from({ length: 200_000 }, (_, i) => i);
    expect(await readPth(await encodePth(list))).toEqual(list);
    const tuple = Tuple.of<PthValue>();
    for (const item of list) tuple.push(item);
    expect(await readPth(await encodePth(tuple))).toHaveLength(list.length);
  });

  test('equal data is stored once, and the same object stays one', async () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const a = new TorchTensor({ shape: [4], dtype: 'float32', data });
    const b = new TorchTensor({ shape: [2, 2], dtype: 'float32', data });
    const bytes = await encodePth({ a, again: a, b });
    expect(await verifyPth(bytes)).toEqual({ storages: 1, bytes: 16 });
    const back = (await readPth(bytes)) as Map<PthKey, PthValue>;
    expect(back.get('again')).toBe(back.get('a'));
    expect(back.get('b')).toMatchObject({ shape: [2, 2], data });
  });

  test('the layout is that of torch.save: names, order, alignment, CRCs', async () => {
    const value = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`t${i}`, float(i)]));
    const chunks: Uint8Array[] = [];
    const { bytes } = await writePth(value, { write: async (c) => void chunks.push(c) });
    const file = new Uint8Array(Buffer.concat(chunks));
    expect(file.length).toBe(bytes);
    const zip = await openZip(bytesSource(file));
    expect(zip.entries.map((e) => e.name.replace('archive/', ''))).toEqual([
      'data.pkl',
      'data/0',
      'data/1',
      'data/10',
      'data/11',
      'data/2',
      'data/3',
      'data/4',
      'data/5',
      'data/6',
      'data/7',
      'data/8',
      'data/9',
      'version',
    ]);
    for (const entry of zip.entries) {
      expect((await zip.dataRange(entry)).start % 64).toBe(0);
      expect(await zip.read(entry)).toHaveLength(entry.size);
    }
  });

  test('big tensors are passed on, not copied', async () => {
    const data = new Float32Array(1 << 20);
    const seen: ArrayBufferLike[] = [];
    const tensor = new TorchTensor({ shape: [1 << 20], dtype: 'float32', data });
    await writePth({ tensor }, { write: async (c) => void seen.push(c.buffer) });
    expect(seen).toContain(data.buffer);
  });

  test('what has no pickle is refused with its place', async () => {
    await expect(encodePth({ meta: { hook: new Date(0) as unknown as PthValue } })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'checkpoint value must be plain data or a TorchTensor, checkpoint.meta.hook is Date',
    });
    const loop: PthValue[] = [];
    loop.push(loop);
    await expect(encodePth({ loop })).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a tensor whose data does not fit its shape is a bug, told at once', () => {
    expect(() => new TorchTensor({ shape: [2, 2], dtype: 'float32', data: new Float32Array(3) })).toThrow(
      'tensor [2, 2] of float32 needs Float32Array of 4, got Float32Array of 3',
    );
    expect(() => new TorchTensor({ shape: [1], dtype: 'int64', data: new Int32Array(1) })).toThrow(
      'BigInt64Array',
    );
  });
});

test('inspectPth lists tensors with their CRC-32 and leaves them out of the plain values', async () => {
  const bytes = await encodePth({
    meta: { epoch: 1, time: 'now' },
    state_dict: new OrderedMap([['w', float(1, NaN, 3, 4, 5, 6)]]),
    optimizer: { state: new Map([[0, { buf: float(0) }]]), param_groups: [{ lr: 0.1, params: [0] }] },
  });
  const { tensors, ...rest } = await inspectPth(bytes);
  // zlib.crc32(struct.pack('<f', 0)) in Python
  expect(tensors[1]).toMatchObject({ key: 'optimizer.state.0.buf', crc32: '2144df1c' });
  expect(tensors[0]).toMatchObject({ key: 'state_dict.w', shape: [6], first: [1, 'NaN', 3, 4, 5] });
  expect(rest).toEqual({
    keys: ['meta', 'state_dict', 'optimizer'],
    elements: 6,
    meta: { epoch: 1, time: 'now' },
    rest: { optimizer: { param_groups: [{ lr: 0.1, params: [0] }] } },
  });
});
