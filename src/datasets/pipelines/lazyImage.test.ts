import { describe, expect, test } from 'vitest';
import { Rng } from '../../util/prng.ts';
import { pixelsOf, toSample } from '../sample.ts';
import { testContext, testResults } from '../testing/context.ts';
import { flipImage, normalize, padImage } from './imageOps.ts';
import { buildTransforms, runTransforms, type ImageArray, type Results } from './index.ts';
import { flipLater, normalizeLater, packedImage, padLater, toFloatLater } from './lazyImage.ts';

const CFG = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], to_rgb: true };
const picture = (): ImageArray => ({
  data: Uint8Array.from({ length: 5 * 7 * 3 }, (_, i) => (i * 37) % 256),
  shape: [5, 7, 3],
});
const plainFloat = (img: ImageArray): ImageArray => ({ ...img, data: Float32Array.from(img.data) });

interface Step {
  readonly name: string;
  later(img: ImageArray): ImageArray;
  now(img: ImageArray): ImageArray;
}

const STEPS: readonly Step[] = [
  ...(['horizontal', 'vertical', 'diagonal'] as const).map((direction) => ({
    name: `flip ${direction}`,
    later: (img: ImageArray) => flipLater(img, direction),
    now: (img: ImageArray) => flipImage(img, direction),
  })),
  {
    name: 'normalize',
    later: (img) => normalizeLater(img, CFG),
    now: (img) => normalize(img, CFG.mean, CFG.std, CFG.to_rgb),
  },
  {
    name: 'normalize BGR',
    later: (img) => normalizeLater(img, { mean: [0, 0, 7], std: [255, 255, 3], to_rgb: false }),
    now: (img) => normalize(img, [0, 0, 7], [255, 255, 3], false),
  },
  {
    name: 'pad with colours',
    later: (img) => padLater(img, 8, 8, [114, 300.7, 5]),
    now: (img) => padImage(img, 8, 8, [114, 300.7, 5]),
  },
  {
    name: 'pad with one number',
    later: (img) => padLater(img, 6, 10, 0.3),
    now: (img) => padImage(img, 6, 10, 0.3),
  },
  { name: 'to float', later: toFloatLater, now: plainFloat },
];

/** As toSample makes it: finished by the reference of the GPU's kernel. */
function finished(img: ImageArray): Float32Array {
  const results: Results = { ...testResults(1, 1), img, img_metas: {} as Results['img_metas'] };
  return pixelsOf(toSample(results));
}

describe('lazy pictures', () => {
  test('all orders of up to three steps: read or packed, the pixels are those of steps done at once', () => {
    let packedCount = 0;
    const visit = (depth: number, names: string, later: () => ImageArray, now: ImageArray): void => {
      const read = later();
      expect([names, read.shape]).toEqual([names, now.shape]);
      expect(read.data.constructor).toBe(now.data.constructor);
      expect([names, firstDifference(read.data, now.data)]).toEqual([names, -1]);
      const packed = later();
      if (packedImage(packed)) packedCount += 1;
      expect([names, firstDifference(finished(packed), now.data)]).toEqual([names, -1]);
      if (depth === 0) return;
      for (const step of STEPS)
        visit(depth - 1, `${names} > ${step.name}`, () => step.later(later()), step.now(now));
    };
    visit(3, 'uint8', picture, picture());
    // 8 + 64 + 512 orders and the picture itself; two normalisations, flips or pads of float pictures need pixels.
    expect(packedCount).toBeGreaterThan(200);
  });

  test('the usual training order is packed, with the bytes of the picture itself', () => {
    const img = picture();
    const out = toFloatLater(padLater(normalizeLater(flipLater(img, 'horizontal'), CFG), 32, 32, 0));
    expect(packedImage(out)).toMatchObject({ height: 5, width: 7, flip: 'horizontal', padded: [32, 32] });
    expect(packedImage(out)?.bytes).toBe(img.data);
  });

  test('whoever reads the pixels may change them: they are what counts from then on', () => {
    const out = normalizeLater(picture(), CFG);
    (out.data as Float32Array)[0] = 42;
    expect(packedImage(out)).toBeNull();
    expect(finished(padLater(out, 5, 9, 1))[0]).toBe(42);
    const uint8 = flipLater(picture(), 'vertical');
    uint8.data[0] = 99;
    // The blue byte comes last after Normalize.
    expect(normalizeLater(uint8, CFG).data[2]).toBeCloseTo((99 - 103.53) / 57.375, 6);
  });

  test('a copy of the object is an ordinary picture', () => {
    const copy = { ...normalizeLater(picture(), CFG) };
    expect(copy.data).toBeInstanceOf(Float32Array);
    expect(packedImage(copy)).toBeNull();
  });
});

test('in a pipeline: metas and boxes as always, and a transform that needs pixels gets them', async () => {
  const run = async (steps: object[]): Promise<Results> => {
    const transforms = buildTransforms(steps, testContext(), 'pipeline');
    const out = await runTransforms(transforms, testResults(20, 40, [1, 2, 30, 10]), new Rng(0));
    if (!out) throw new Error('dropped');
    return out;
  };
  const tail = [{ type: 'DefaultFormatBundle' }, { type: 'Collect', keys: ['img', 'gt_bboxes'] }];
  const flip = { type: 'RandomFlip', flip_ratio: 1 };
  const norm = { type: 'Normalize', ...CFG };
  const usual = toSample(await run([flip, norm, { type: 'Pad', size_divisor: 32 }, ...tail]));
  expect(usual.img).not.toBeInstanceOf(Float32Array);
  expect(usual).toMatchObject({ imgShape: [32, 64, 3], imgMeta: { img_shape: [20, 40, 3], flip: true } });
  expect([...(usual.gtBboxes ?? [])]).toEqual([10, 2, 39, 10]);
  // Resize after Normalize works on floats.
  const odd = toSample(await run([norm, { type: 'Resize', img_scale: [80, 40] }, flip, ...tail]));
  expect(odd.img).toBeInstanceOf(Float32Array);
  expect(odd.imgShape).toEqual([40, 80, 3]);
  // No Normalize: the values themselves.
  const plain = await run(tail);
  expect([...pixelsOf(toSample(plain))].slice(254, 258)).toEqual([254, 255, 0, 1]);
});

/** The first index where two arrays differ in value or sign, -1 for none. */
function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return 0;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}
