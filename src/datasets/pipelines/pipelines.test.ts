import { describe, expect, test } from 'vitest';
import { ConfigError, TrainerError } from '../../errors/trainerError.ts';
import { Rng } from '../../util/prng.ts';
import { buildTransforms, runTransforms } from './index.ts';
import type { Results } from './results.ts';
import { testContext, testResults } from '../testing/context.ts';
import { at as itemAt, take } from '../../util/at.ts';

type Step = Record<string, unknown>;
const build = (steps: Step[]): ReturnType<typeof buildTransforms> =>
  buildTransforms(steps, testContext(), 'pipeline');

async function run(steps: Step[], input: Results, seed = 0): Promise<Results> {
  const out = await runTransforms(build(steps), input, new Rng(seed));
  if (!out) throw new Error('dropped');
  return out;
}

function refusal(steps: Step[]): string {
  try {
    build(steps);
  } catch (error) {
    if (error instanceof ConfigError) return error.format();
    throw error;
  }
  return 'accepted';
}

describe('Resize', () => {
  test('keep_ratio fits the picture into (long edge, short edge), and scales and clips the boxes', async () => {
    // 40 x 20 into (100, 30): min(100 / 40, 30 / 20) = 1.5.
    const out = await run([{ type: 'Resize', img_scale: [100, 30] }], testResults(20, 40, [2, 4, 39, 30]));
    expect(out.img_shape).toEqual([30, 60, 3]);
    expect(out.scale_factor).toEqual([1.5, 1.5, 1.5, 1.5]);
    expect([...(out.gt_bboxes ?? [])]).toEqual([3, 6, 58.5, 30]);
  });

  test('bbox_clip_border=False leaves boxes beyond the edge', async () => {
    const steps = [{ type: 'Resize', img_scale: [80, 40], bbox_clip_border: false }];
    expect([...((await run(steps, testResults(20, 40, [-1, 0, 45, 20]))).gt_bboxes ?? [])]).toEqual([
      -2, 0, 90, 40,
    ]);
  });

  test("multiscale_mode 'value' picks a listed size, 'range' any between", async () => {
    const scales = [
      [60, 20],
      [80, 40],
    ];
    const seen = { value: new Set<string>(), range: new Set<string>() };
    for (let seed = 0; seed < 60; seed++) {
      for (const mode of ['value', 'range'] as const) {
        const steps = [{ type: 'Resize', img_scale: scales, multiscale_mode: mode }];
        seen[mode].add((await run(steps, testResults(20, 40), seed)).scale?.join() ?? '');
      }
    }
    expect([...seen.value].sort()).toEqual(['60,20', '80,40']);
    expect(seen.range.size).toBeGreaterThan(20);
    for (const pair of seen.range) {
      const [long, short] = take(pair.split(',').map(Number), 2);
      expect(long >= 60 && long <= 80 && short >= 20 && short <= 40).toBe(true);
    }
  });

  test('ratio_range multiplies the only size', async () => {
    const steps = [{ type: 'Resize', img_scale: [80, 40], ratio_range: [0.5, 2], keep_ratio: true }];
    const widths = new Set<number>();
    for (let seed = 0; seed < 30; seed++)
      widths.add((await run(steps, testResults(20, 40), seed)).scale?.[0] ?? 0);
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...widths)).toBeLessThan(160);
    expect(widths.size).toBeGreaterThan(15);
  });

  test('a second Resize needs override; a size of nothing is refused by name', async () => {
    const twice = [
      { type: 'Resize', img_scale: [80, 40] },
      { type: 'Resize', img_scale: [20, 10] },
    ];
    await expect(run(twice, testResults(20, 40))).rejects.toMatchObject({ code: 'resized-twice' });
    const out = await run([itemAt(twice, 0), { ...twice[1], override: true }], testResults(20, 40));
    expect(out.img_shape).toEqual([10, 20, 3]);
    const thin = run([{ type: 'Resize', img_scale: [50, 50] }], testResults(2, 255));
    await expect(thin).rejects.toMatchObject({ code: 'image-too-thin' });
  });

  test('resizes float pictures too', async () => {
    const input = testResults(2, 2);
    input.img = { data: Float32Array.of(0, 0, 0, 4, 4, 4, 8, 8, 8, 12, 12, 12), shape: [2, 2, 3] };
    const out = await run([{ type: 'Resize', img_scale: [4, 2], keep_ratio: false }], input);
    // Columns at -0.25, 0.25, 0.75, 1.25 of the source: 0, 1, 3, 4.
    expect([...(out.img?.data ?? [])].filter((_, i) => i % 3 === 0)).toEqual([0, 1, 3, 4, 8, 9, 11, 12]);
  });
});

describe('RandomFlip', () => {
  const flipped = async (step: Step, seed: number): Promise<string> =>
    String((await run([{ type: 'RandomFlip', ...step }], testResults(4, 6), seed)).flip_direction);

  test('draws each direction with its probability', async () => {
    const counts = { vertical: 0, horizontal: 0, null: 0 };
    for (let seed = 0; seed < 2000; seed++) {
      const direction = await flipped(
        { flip_ratio: [0.1, 0.5], direction: ['vertical', 'horizontal'] },
        seed,
      );
      counts[direction as keyof typeof counts] += 1;
    }
    // Four standard deviations of 2000 draws are at most 90.
    expect(Math.abs(counts.vertical - 200)).toBeLessThan(60);
    expect(Math.abs(counts.horizontal - 1000)).toBeLessThan(90);
    expect(Math.abs(counts.null - 800)).toBeLessThan(90);
  });

  test('what the results say already wins', async () => {
    const input = { ...testResults(4, 6, [1, 0, 3, 2]), flip: true, flip_direction: 'vertical' as const };
    const out = await run([{ type: 'RandomFlip', flip_ratio: 0 }], input);
    expect([...(out.gt_bboxes ?? [])]).toEqual([1, 2, 3, 4]);
  });

  test('flipping twice gives the picture and the boxes back', async () => {
    for (const direction of ['horizontal', 'vertical', 'diagonal']) {
      const step = { type: 'RandomFlip', flip_ratio: 1, direction };
      const once = await run([step], testResults(3, 5, [1, 0, 4, 2]));
      expect(once.img?.data).not.toEqual(testResults(3, 5).img?.data);
      delete once.flip;
      const twice = await run([step], once);
      expect(twice.img).toEqual(testResults(3, 5).img);
      expect([...(twice.gt_bboxes ?? [])]).toEqual([1, 0, 4, 2]);
    }
  });
});

describe('Normalize and Pad', () => {
  test('Normalize swaps to RGB and takes mean and std in that order', async () => {
    const input = testResults(1, 1);
    input.img = { data: Uint8Array.of(10, 20, 30), shape: [1, 1, 3] };
    const out = await run([{ type: 'Normalize', mean: [30, 10, 0], std: [1, 2, 5], to_rgb: true }], input);
    expect([...(out.img?.data ?? [])]).toEqual([0, 5, 2]);
  });

  test('Pad extends to a multiple at the right and the bottom; one number pads the first channel only', async () => {
    const out = await run([{ type: 'Pad', size_divisor: 4, pad_val: 9 }], testResults(3, 2));
    expect(out.pad_shape).toEqual([4, 4, 3]);
    expect([...(out.img?.data ?? [])].slice(6, 12)).toEqual([9, 0, 0, 9, 0, 0]);
    const tuple = await run([{ type: 'Pad', size: [3, 3], pad_val: { img: [7, 8, 9] } }], testResults(3, 2));
    expect([...(tuple.img?.data ?? [])].slice(6, 9)).toEqual([7, 8, 9]);
  });
});

describe('formatting', () => {
  const finish = [{ type: 'DefaultFormatBundle' }, { type: 'Collect', keys: ['img', 'gt_bboxes'] }];

  test('DefaultFormatBundle and Collect give float32 and the metas', async () => {
    const out = await run(finish, testResults(2, 3));
    expect(out.img?.data).toBeInstanceOf(Float32Array);
    expect(out.img_metas).toMatchObject({
      img_id: 7,
      index: 0,
      flip: false,
      pad_shape: [2, 3, 3],
      scale_factor: [1, 1, 1, 1],
    });
    expect(out.gt_labels).toBeUndefined();
  });

  test('Collect names a key that nothing has set', async () => {
    const wanted = run([{ type: 'Collect', keys: ['img', 'gt_masks'] }], testResults(2, 3));
    await expect(wanted).rejects.toMatchObject({
      message: "Collect's keys asks for 'gt_masks', but no step before it has set that",
    });
  });

  test('MultiScaleFlipAug resizes to its img_scale without mirroring', async () => {
    const aug = {
      type: 'MultiScaleFlipAug',
      img_scale: [12, 8],
      transforms: [{ type: 'Resize' }, { type: 'RandomFlip' }],
    };
    const out = await run([aug], testResults(4, 6));
    expect(out).toMatchObject({ img_shape: [8, 12, 3], flip: false, flip_direction: null });
    const factor = { type: 'MultiScaleFlipAug', scale_factor: 2, transforms: [{ type: 'Resize' }] };
    expect((await run([factor], testResults(4, 6))).img_shape).toEqual([8, 12, 3]);
  });
});

test('loading reads BGR from the file system, and a missing picture is named', async () => {
  const context = testContext(
    { 'data/a.png': Uint8Array.of(2, 1, 0) },
    { decodeImage: async () => ({ width: 1, height: 1, rgb: Uint8Array.of(1, 2, 3) }) },
  );
  const load = buildTransforms([{ type: 'LoadImageFromFile' }], context, 'pipeline');
  const out = await runTransforms(load, testResults(1, 1), new Rng(0));
  expect(out).toMatchObject({ filename: 'data/a.png', ori_filename: 'a.png', ori_shape: [1, 1, 3] });
  expect([...(out?.img?.data ?? [])]).toEqual([3, 2, 1]);
  const missing = { ...testResults(1, 1), img_prefix: 'elsewhere/' };
  const error = await runTransforms(load, missing, new Rng(0)).catch((e: unknown) => e);
  expect(error instanceof TrainerError && error.format()).toMatchInlineSnapshot(`
    "picture elsewhere/a.png must exist, but there is no such file
      at elsewhere/a.png
      hint: check img_prefix and data_root; the annotation file names this picture"
  `);
});

test('bad arguments are refused with their place in the config', () => {
  expect(refusal([{ type: 'RandomFlip', flip_ratio: 1.5 }])).toMatchInlineSnapshot(`
    "RandomFlip: flip_ratio must be a number from 0 to 1 or a list of them or None, but got 1.5
      at pipeline[0].flip_ratio"
  `);
  expect(refusal([{ type: 'Resize', img_scale: 'big' }])).toMatchInlineSnapshot(`
    "Resize: img_scale must be a tuple (width, height) of positive numbers or a list of such tuples or None, but got 'big'
      at pipeline[0].img_scale"
  `);
  expect(refusal([{ type: 'Pad', size: [4, 4], size_divisor: 32 }])).toContain('either size or size_divisor');
  expect(refusal([{ type: 'LoadAnnotations', with_mask: true }])).toContain(
    'with_mask=True is not supported',
  );
  const tta = { type: 'MultiScaleFlipAug', img_scale: [4, 4], flip: true, transforms: [] };
  expect(refusal([tta])).toContain(
    'MultiScaleFlipAug with flip=True (test-time augmentation) is not supported',
  );
  expect(refusal([{ type: 'Normalise' }])).toContain("did you mean 'Normalize'?");
});
