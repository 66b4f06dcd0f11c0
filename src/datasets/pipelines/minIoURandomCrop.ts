import {
  between,
  declareArgs,
  flag,
  listOf,
  number,
  optional,
  PIPELINES,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at, f32At } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { uniform } from './draws.ts';
import { labelsOf, pictureOf } from './picture.ts';
import type { ImageArray, Results, Transform } from './results.ts';

const CROP_ARGS = declareArgs({
  min_ious: optional(
    listOf(between(number, 0, 1)),
    [0.1, 0.3, 0.5, 0.7, 0.9],
    'One of them is drawn: all boxes overlap the part that is cut out by at least that.',
  ),
  min_crop_size: optional(between(number, 0, 1), 0.3, 'The least share of each edge that is kept.'),
  bbox_clip_border: optional(flag, true, "Whether boxes are clipped to the part's border."),
});

/** Parts that are tried before another overlap is drawn. */
const MAX_TRIES = 50;

type Patch = readonly [left: number, top: number, right: number, bottom: number];

/** Cuts out a random part that boxes overlap; boxes with their centre outside are dropped. Source: mmdet 2.28.2 `MinIoURandomCrop`. */
export class MinIoURandomCrop implements Transform {
  static readonly args = CROP_ARGS;
  /** 1: the picture stays whole; 0: any part. */
  readonly #modes: readonly number[];
  readonly #minCropSize: number;
  readonly #clips: boolean;

  constructor(args: ArgsOf<typeof CROP_ARGS> = {}) {
    const { minIous, minCropSize, bboxClipBorder } = withDefaults(CROP_ARGS, args);
    this.#modes = [1, ...minIous, 0];
    this.#minCropSize = minCropSize;
    this.#clips = bboxClipBorder;
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    const img = pictureOf(results, 'MinIoURandomCrop');
    const fields = results.bbox_fields.filter((field) => results[field] instanceof Float32Array);
    const boxes = Float32Array.from(fields.flatMap((field) => [...(results[field] as Float32Array)]));
    for (;;) {
      const minIou = at(this.#modes, rng.integer(this.#modes.length));
      if (minIou === 1) return results;
      for (let i = 0; i < MAX_TRIES; i++) {
        const patch = this.#draw(img, rng);
        if (!patch) continue;
        if (boxes.length > 0 && !(leastOverlap(patch, boxes) >= minIou)) continue;
        if (boxes.length > 0 && !insideOf(boxes, patch).includes(true)) continue;
        this.#crop(results, fields, patch);
        results.img = cropped(img, patch);
        results.img_shape = results.img.shape;
        return results;
      }
    }
  }

  /** A part of a ratio from 1:2 to 2:1; null where the draw is none. */
  #draw({ shape: [h, w] }: ImageArray, rng: Rng): Patch | null {
    const width = uniform(rng, this.#minCropSize * w, w);
    const height = uniform(rng, this.#minCropSize * h, h);
    if (height / width < 0.5 || height / width > 2) return null;
    // MMDetection gives NumPy one bound, and so draws between it and 1.
    const left = uniform(rng, w - width);
    const top = uniform(rng, h - height);
    const patch = [left, top, left + width, top + height].map(Math.trunc) as unknown as Patch;
    return patch[2] === patch[0] || patch[3] === patch[1] ? null : patch;
  }

  #crop(results: Results, fields: readonly string[], patch: Patch): void {
    for (const field of fields) {
      const boxes = results[field] as Float32Array;
      const kept = insideOf(boxes, patch);
      const rows = [...kept.keys()].filter((i) => kept[i]);
      const moved = rows.flatMap((row) =>
        [0, 1, 2, 3].map((k) => {
          const edge = f32At(boxes, row * 4 + k);
          const limit = at(patch, k);
          const clipped = !this.#clips ? edge : k < 2 ? Math.max(edge, limit) : Math.min(edge, limit);
          return clipped - at(patch, k % 2);
        }),
      );
      results[field] = Float32Array.from(moved);
      const labels = labelsOf(results, field);
      if (labels) results[labels.key] = Int32Array.from(rows, (row) => at(labels.values, row));
    }
  }
}

/** The smallest IoU of a patch with any box, in float32. */
function leastOverlap(patch: Patch, boxes: Float32Array): number {
  const f = Math.fround;
  const area = (patch[2] - patch[0]) * (patch[3] - patch[1]);
  let least = Infinity;
  for (let k = 0; k < boxes.length; k += 4) {
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => f32At(boxes, k + i)) as [number, number, number, number];
    const width = Math.max(f(Math.min(x2, patch[2]) - Math.max(x1, patch[0])), 0);
    const height = Math.max(f(Math.min(y2, patch[3]) - Math.max(y1, patch[1])), 0);
    const inner = f(width * height);
    const union = Math.max(f(f(area + f(f(x2 - x1) * f(y2 - y1))) - inner), 1e-6);
    least = Math.min(least, f(inner / union));
  }
  return least;
}

/** Whether the centre of each box lies in a patch. */
function insideOf(boxes: Float32Array, [left, top, right, bottom]: Patch): boolean[] {
  return Array.from({ length: boxes.length / 4 }, (_, i) => {
    const x = Math.fround(f32At(boxes, i * 4) + f32At(boxes, i * 4 + 2)) / 2;
    const y = Math.fround(f32At(boxes, i * 4 + 1) + f32At(boxes, i * 4 + 3)) / 2;
    return x > left && y > top && x < right && y < bottom;
  });
}

function cropped({ data, shape: [, w, c] }: ImageArray, [left, top, right, bottom]: Patch): ImageArray {
  const [height, width] = [bottom - top, right - left];
  const length = height * width * c;
  const out = data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * w + left) * c;
    out.set(data.subarray(from, from + width * c), y * width * c);
  }
  return { data: out, shape: [height, width, c] };
}

PIPELINES.registerModule()(MinIoURandomCrop);
