import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { values } from '../../testing/numbers.ts';
import { normaliseImagesCpu } from './op.cpu.ts';
import { haveOneTable, packImages, type ImageBatchShape, type PackedImage } from './packedImages.ts';
import { at } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const TABLE = values(257 * 3, 4);

function image(height: number, width: number, rest: Partial<PackedImage> = {}): PackedImage {
  const bytes = Uint8Array.from(values(height * width * 3, height + width), (v) => (v + 1) * 127.9);
  const padded = [height, width] as const;
  return { bytes, height, width, flip: null, swapsChannels: false, padded, table: TABLE, ...rest };
}

async function onGpu(images: readonly PackedImage[], shape: ImageBatchShape): Promise<Float32Array> {
  const { words, info, table } = packImages(images, shape);
  const out = gpu.tidy(() =>
    gpu.normaliseImages(
      gpu.tensor(words, [words.length], 'int32'),
      gpu.tensor(info, [info.length], 'int32'),
      gpu.tensor(table, [257, 3], 'float32'),
      shape,
    ),
  );
  const read = Float32Array.from(await gpu.read(out));
  gpu.dispose(out);
  return read;
}

/** The bits: -0 is not 0, and NaN is itself. */
const bits = (floats: Float32Array): Uint32Array => new Uint32Array(floats.buffer);

async function expectSame(images: readonly PackedImage[], shape: ImageBatchShape): Promise<void> {
  const expected = normaliseImagesCpu(packImages(images, shape), shape);
  const actual = bits(await onGpu(images, shape));
  // Millions of values: too many for toEqual.
  const wanted = bits(expected);
  expect([actual.length, wanted.findIndex((word, i) => word !== actual[i])]).toEqual([wanted.length, -1]);
}

describe('normaliseImages', () => {
  test('by hand: 2x1 of 2x3, mirrored, swapped, padded, and zero beyond', async () => {
    const table = Float32Array.from({ length: 257 * 3 }, (_, i) => Math.floor(i / 3) * 10 + (i % 3));
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const picture = image(1, 2, { bytes, table, flip: 'horizontal', swapsChannels: true, padded: [2, 2] });
    // Pixels (1,2,3) (4,5,6) -> (4,5,6) (1,2,3) -> (6,5,4) (3,2,1); channel k of byte v is 10 v + k.
    const rows = [
      [60, 51, 42, 30, 21, 12, 0, 0, 0],
      [2560, 2561, 2562, 2560, 2561, 2562, 0, 0, 0],
    ];
    expect([...(await onGpu([picture], [1, 2, 3, 3]))]).toEqual(rows.flat());
  });

  // Four pixels a thread, and one.
  test.each([12, 11])(
    'every flip, odd widths, different sizes and paddings in one batch %i wide',
    async (width) => {
      const flips = [null, 'horizontal', 'vertical', 'diagonal'] as const;
      const images = flips.flatMap((flip, i) =>
        [false, true].map((swapsChannels) =>
          image(5 + i, 7 - i, { flip, swapsChannels, padded: [8, 7 - i + (swapsChannels ? 1 : 0)] }),
        ),
      );
      await expectSame(images, [8, 9, width, 3]);
    },
  );

  test('one pixel, one row, one column, and a batch without any padding', async () => {
    await expectSame([image(1, 1, { flip: 'diagonal' })], [1, 1, 1, 3]);
    await expectSame([image(1, 65, { flip: 'horizontal' })], [1, 1, 65, 3]);
    await expectSame([image(67, 1, { flip: 'vertical' })], [1, 67, 1, 3]);
    await expectSame([image(32, 32), image(32, 32, { flip: 'horizontal' })], [2, 32, 32, 3]);
  });

  test('keeps NaN, infinities, -0 and subnormal numbers of the table', async () => {
    const table = new Float32Array(257 * 3);
    table.set([NaN, Infinity, -Infinity, -0, 1e-42, -1e-42]);
    const bytes = Uint8Array.of(0, 0, 0, 1, 1, 1);
    await expectSame([image(1, 2, { bytes, table })], [1, 1, 2, 3]);
  });

  test('more than 65,535 workgroups', async () => {
    await expectSame([image(3, 2099, { flip: 'diagonal', padded: [2100, 2099] })], [1, 2100, 2099, 3]);
  });
});

test('packed arrays are as long as the batch needs, whatever the pictures', () => {
  const shape = [2, 5, 5, 3] as const;
  const sizes = [
    packImages([image(5, 5), image(1, 2)], shape),
    packImages([image(2, 3), image(5, 4)], shape),
  ];
  // 75 bytes take 19 words.
  for (const packed of sizes) expect([packed.words.length, packed.info.length]).toEqual([38, 10]);
});

test('pictures of different tables are told apart', () => {
  const other = TABLE.slice();
  other[770] = at(other, 770) + 1;
  expect(haveOneTable([image(1, 1), image(2, 2, { table: TABLE.slice() })])).toBe(true);
  expect(haveOneTable([image(1, 1), image(2, 2, { table: other })])).toBe(false);
});
