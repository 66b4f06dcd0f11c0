import {
  atLeast,
  between,
  declareArgs,
  flag,
  int,
  listOf,
  number,
  optional,
  pairOf,
  PIPELINES,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import { at, f32At } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../checkArgs.ts';
import { uniform } from './draws.ts';
import { labelsOf, pictureOf } from './picture.ts';
import type { Results, Transform } from './results.ts';
import { product, warpPerspective, type Matrix3 } from './warp.ts';

const positive = atLeast(number, 0);

const AFFINE_ARGS = declareArgs({
  max_rotate_degree: optional(positive, 10, 'How far it turns, either way.', 'degrees'),
  max_translate_ratio: optional(between(number, 0, 1), 0.1, 'How far it moves, in edges of the picture.'),
  scaling_ratio_range: optional(pairOf(positive), [0.5, 1.5], 'How much larger it becomes.'),
  max_shear_degree: optional(positive, 2, 'How far it leans, either way.', 'degrees'),
  border: optional(
    pairOf(int),
    [0, 0],
    'What is added to each edge, (height, width); negative: cut off.',
    'px',
  ),
  border_val: optional(listOf(number, 3), [114, 114, 114], 'The colour around it.'),
  min_bbox_size: optional(positive, 2, 'Boxes must keep edges longer than this.', 'px'),
  min_area_ratio: optional(positive, 0.2, 'Boxes must keep more than this share of their area.'),
  max_aspect_ratio: optional(positive, 20, 'Boxes must be less elongated than this.'),
  bbox_clip_border: optional(flag, true, "Whether boxes are clipped to the picture's border."),
  skip_filter: optional(flag, true, 'Whether boxes are kept whatever their size, ratio and area.'),
});

const f = Math.fround;

/** Turns, scales, shears and moves picture and boxes, about the upper left corner. Source: mmdet 2.28.2 `RandomAffine`. */
export class RandomAffine implements Transform {
  static readonly args = AFFINE_ARGS;
  readonly #args: Complete<typeof AFFINE_ARGS>;

  constructor(args: ArgsOf<typeof AFFINE_ARGS> = {}) {
    this.#args = withDefaults(AFFINE_ARGS, args);
    const [low, high] = this.#args.scalingRatioRange;
    if (!(low > 0 && low <= high))
      throw badValue('scaling_ratio_range', 'a tuple (low, high) above 0, low first', [low, high]);
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    const img = pictureOf(results, 'RandomAffine');
    const { border, borderVal } = this.#args;
    const height = img.shape[0] + border[0] * 2;
    const width = img.shape[1] + border[1] * 2;
    const { matrix, scaling } = this.#draw(rng, height, width);
    results.img = warpPerspective(img, matrix, [width, height], borderVal);
    results.img_shape = results.img.shape;
    for (const field of results.bbox_fields) {
      const boxes = results[field];
      if (boxes instanceof Float32Array && boxes.length > 0)
        this.#warpBoxes(results, field, boxes, matrix, scaling);
    }
    return results;
  }

  #draw(rng: Rng, height: number, width: number): { readonly matrix: Matrix3; readonly scaling: number } {
    const {
      maxRotateDegree: turn,
      scalingRatioRange,
      maxShearDegree: lean,
      maxTranslateRatio: move,
    } = this.#args;
    const radians = (degrees: number): number => (degrees * Math.PI) / 180;
    const angle = radians(uniform(rng, -turn, turn));
    const scaling = uniform(rng, ...scalingRatioRange);
    const shearX = Math.tan(radians(uniform(rng, -lean, lean)));
    const shearY = Math.tan(radians(uniform(rng, -lean, lean)));
    const moveX = uniform(rng, -move, move) * width;
    const moveY = uniform(rng, -move, move) * height;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const steps: readonly Matrix3[] = [
      [1, 0, moveX, 0, 1, moveY, 0, 0, 1],
      [1, shearX, 0, shearY, 1, 0, 0, 0, 1],
      [cos, -sin, 0, sin, cos, 0, 0, 0, 1],
      [scaling, 0, 0, 0, scaling, 0, 0, 0, 1],
    ];
    const matrix = steps.map(rounded).reduce((a, b) => rounded(product(a, b)));
    return { matrix, scaling };
  }

  #warpBoxes(results: Results, field: string, boxes: Float32Array, matrix: Matrix3, scaling: number): void {
    const [height, width] = results.img?.shape ?? [0, 0];
    const rows: number[] = [];
    const warped: number[] = [];
    for (let i = 0; i < boxes.length / 4; i++) {
      const old = [0, 1, 2, 3].map((k) => f32At(boxes, i * 4 + k));
      let box = around(old, matrix);
      if (this.#args.bboxClipBorder)
        box = box.map((edge, k) => Math.min(Math.max(edge, 0), k % 2 === 0 ? width : height));
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
      const isVisible = x1 < width && x2 > 0 && y1 < height && y2 > 0;
      if (!isVisible || !(this.#args.skipFilter || this.#isKept(old, box, scaling))) continue;
      rows.push(i);
      warped.push(...box);
    }
    results[field] = Float32Array.from(warped);
    const labels = field === 'gt_bboxes' ? labelsOf(results, field) : undefined;
    if (labels) results[labels.key] = Int32Array.from(rows, (row) => at(labels.values, row));
  }

  #isKept(old: readonly number[], box: readonly number[], scaling: number): boolean {
    const { minBboxSize, minAreaRatio, maxAspectRatio } = this.#args;
    const [w, h] = sizeOf(box);
    const [oldW, oldH] = sizeOf(old.map((edge) => edge * scaling));
    const aspect = Math.max(w / (h + 1e-16), h / (w + 1e-16));
    const share = (w * h) / (oldW * oldH + 1e-16);
    return w > minBboxSize && h > minBboxSize && share > minAreaRatio && aspect < maxAspectRatio;
  }
}

function rounded(matrix: Matrix3): Matrix3 {
  return matrix.map(f) as unknown as Matrix3;
}

function sizeOf([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[]): [number, number] {
  return [x2 - x1, y2 - y1];
}

/** The upright box around a warped one. */
function around([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[], m: Matrix3): number[] {
  const corners = [x1, x2].flatMap((x) => [y1, y2].map((y) => [x, y] as const));
  const points = corners.map(([x, y]) => {
    const w = f(m[6] * x + m[7] * y + m[8]);
    return [f(f(m[0] * x + m[1] * y + m[2]) / w), f(f(m[3] * x + m[4] * y + m[5]) / w)] as const;
  });
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

PIPELINES.registerModule()(RandomAffine);
