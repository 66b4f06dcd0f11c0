import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../errors/index.ts';
import { Tuple } from '../../util/tuple.ts';
import { bytesSource } from '../zip/byteSource.ts';
import { ZipWriter } from '../zip/writer.ts';
import { readPth, verifyPth } from './readPth.ts';
import { OrderedMap, PyFloat, TorchTensor, type PthValue } from './values.ts';

// __golden__/make.py says how these files were made.
const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`./__golden__/${name}.pth`, import.meta.url)));

function at(value: PthValue | undefined, ...keys: (string | number)[]): PthValue | undefined {
  let here = value;
  for (const key of keys) {
    if (here instanceof Map) here = here.get(key);
    else if (Array.isArray(here)) here = here[Number(key)];
    else throw new Error(`no ${key}`);
  }
  return here;
}

function tensor(value: PthValue | undefined): TorchTensor {
  if (!(value instanceof TorchTensor)) throw new Error('no tensor');
  return value;
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return error instanceof CheckpointError ? error.code : `not a CheckpointError: ${String(error)}`;
  }
  return 'read';
}

describe.each(['zip', 'legacy', 'protocol4'])('readPth of a file by torch.save: %s', (name) => {
  test('views come out as tensors in C order', async () => {
    const state = at(await readPth(golden(name)), 'state_dict');
    const base = Float32Array.from({ length: 12 }, (_, i) => i / 8);
    expect(tensor(at(state, 'w'))).toMatchObject({ shape: [3, 4], dtype: 'float32', data: base });
    expect(tensor(at(state, 'w_t'))).toMatchObject({
      shape: [4, 3],
      data: Float32Array.of(0, 0.5, 1, 0.125, 0.625, 1.125, 0.25, 0.75, 1.25, 0.375, 0.875, 1.375),
    });
    expect(tensor(at(state, 'row')).data).toEqual(Float32Array.of(0.5, 0.625, 0.75, 0.875));
    // 0, 0.375, 0.75, 1.125 as the upper halves of float32.
    expect(tensor(at(state, 'bf'))).toMatchObject({
      dtype: 'bfloat16',
      data: Uint16Array.of(0, 0x3ec0, 0x3f40, 0x3f90),
    });
    expect(tensor(at(state, 'count'))).toMatchObject({ shape: [], data: BigInt64Array.of(2n ** 53n + 1n) });
  });

  test('plain values keep their Python kinds', async () => {
    const value = await readPth(golden(name));
    expect(at(value, 'meta')).toEqual(
      new Map<string, PthValue>([
        ['epoch', 3],
        ['lr', 1],
        ['name', 'é'],
        ['big', 2n ** 70n],
        ['flags', Tuple.of<PthValue>(true, null)],
        ['raw', Uint8Array.of(0, 255)],
      ]),
    );
    expect(at(value, 'meta', 'flags')).toBeInstanceOf(Tuple);
    const state = at(value, 'state_dict');
    expect(state).toBeInstanceOf(OrderedMap);
    expect(at(value, 'meta')).not.toBeInstanceOf(OrderedMap);
    const { attributes } = state as OrderedMap;
    expect(at(attributes, '_metadata', '', 'version')).toBe(1);
    expect(at(value, 'optimizer', 'state', 0, 'step')).toBe(5);
    expect(tensor(at(value, 'optimizer', 'state', 0, 'buf')).data).toEqual(
      Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25),
    );
  });

  test('keepFloats tells 1.0 from 1', async () => {
    const meta = at(await readPth(golden(name), { keepFloats: true }), 'meta');
    expect(at(meta, 'lr')).toEqual(new PyFloat(1));
    expect(at(meta, 'epoch')).toBe(3);
  });

  test('a file cut anywhere is refused as damaged, and verifyPth says so too', async () => {
    const whole = golden(name);
    expect(await codeOf(verifyPth(whole))).toBe('read');
    for (let length = 0; length < whole.length; length += 23) {
      const cut = whole.slice(0, length);
      expect(['damaged', 'not-a-checkpoint']).toContain(await codeOf(readPth(cut)));
      if (length >= 20) expect(await codeOf(readPth(cut))).toBe('damaged');
      expect(await codeOf(verifyPth(cut))).not.toBe('read');
    }
  });

  test('a flipped byte never gives anything but a CheckpointError or a value', async () => {
    const whole = golden(name);
    for (let i = 0; i < whole.length; i++) {
      const flipped = whole.slice();
      flipped[i] = (flipped[i] ?? 0) ^ (0x11 + (i % 7));
      expect(await codeOf(readPth(flipped))).not.toMatch(/^not a CheckpointError/);
    }
  });
});

describe('readPth', () => {
  test('a flipped byte in a tensor of a zip is found by its CRC', async () => {
    const bytes = golden('zip');
    const where = Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(0.5, 0.625).buffer));
    bytes[where] = (bytes[where] ?? 0) ^ 1;
    expect(await codeOf(readPth(bytes))).toBe('damaged');
  });

  test('a callable that is not on the list is refused by name, with what it would do', async () => {
    const error = await readPth(golden('evil')).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'unsafe-global', isInputError: true });
    expect((error as CheckpointError).message).toMatchInlineSnapshot(
      `"checkpoint must hold tensors and plain values only, it names posix.system: loading it in Python would execute posix.system('echo pwned > /tmp/pwned')"`,
    );
  });

  test('a class that is only mentioned is refused as well', async () => {
    expect(await codeOf(readPth(golden('class_only')))).toBe('unsafe-global');
  });

  test('other opcodes that call are refused', async () => {
    const attacks = [
      '(S"id"\nios\nsystem\n.', // INST
      '(cos\nsystem\nS"id"\no.', // OBJ
      '\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85\x81.', // NEWOBJ
      '\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.', // STACK_GLOBAL
      'c__builtin__\neval\n(S"1"\ntR.',
      'cbuiltins\ngetattr\n(cos\nsystem\nS"x"\ntR.',
      'cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\n(I0\ntS"b"\ntR.',
    ];
    for (const attack of attacks) {
      const file = await zipOf({ 'a/data.pkl': Uint8Array.from(attack, (c) => c.charCodeAt(0)) });
      expect([attack, await codeOf(readPth(file))]).toEqual([attack, 'unsafe-global']);
    }
  });

  test('a tensor that reaches outside its storage, or blows up, is refused', async () => {
    const pickle = (numel: number, shape: number, stride: number): string =>
      `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n` +
      `X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK${String.fromCharCode(numel)}tQK\x00` +
      `I${shape}\n\x85K${String.fromCharCode(stride)}\x85\x89}tR.`;
    const file = (text: string, bytes: number): Promise<Uint8Array> =>
      zipOf({
        'a/data.pkl': Uint8Array.from(text, (c) => c.charCodeAt(0)),
        'a/data/0': new Uint8Array(bytes),
      });
    expect(await codeOf(readPth(await file(pickle(4, 4, 1), 16)))).toBe('read');
    expect(await codeOf(readPth(await file(pickle(4, 5, 1), 16)))).toBe('damaged');
    expect(await codeOf(readPth(await file(pickle(4, 3, 2), 16)))).toBe('damaged');
    expect(await codeOf(readPth(await file(pickle(4, 4, 1), 15)))).toBe('damaged');
    expect(await codeOf(readPth(await file(pickle(4, -1, 1), 16)))).toBe('damaged');
    expect(await codeOf(readPth(await file(pickle(4, 2 ** 40, 0), 16)))).toBe('damaged');
    expect(await codeOf(readPth(await zipOf({ 'a/data.pkl': golden('zip').slice(0, 0) })))).toBe('damaged');
  });

  test.each([
    ['<!DOCTYPE html><html>404', /a web page/],
    ['version https://git-lfs.github.com/spec/v1', /Git LFS/],
    ['\x80\x02}q\x00.', /a pickle that torch.save did not write/],
  ])('says what a foreign file is: %j', async (text, message) => {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    await expect(readPth(bytes)).rejects.toMatchObject({
      code: 'not-a-checkpoint',
      message: expect.stringMatching(message),
    });
  });

  test('a source that is not in memory reads the same', async () => {
    const bytes = golden('zip');
    const source = { ...bytesSource(bytes), read: async (a: number, b: number) => bytes.slice(a, b) };
    expect(await readPth(source)).toEqual(await readPth(bytes));
    expect(await verifyPth(source)).toEqual({ storages: 3, bytes: 48 + 8 + 8 });
  });
});

async function zipOf(files: Record<string, Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const zip = new ZipWriter({ write: async (c) => void chunks.push(c) });
  for (const [name, data] of Object.entries(files)) await zip.add(name, data);
  await zip.finish();
  return new Uint8Array(Buffer.concat(chunks));
}
