import {
  between,
  declareArgs,
  flag,
  listOf,
  number,
  optional,
  pairOf,
  PIPELINES,
  withDefaults,
  type ArgsOf,
  atLeast,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../checkArgs.ts';
import { uniform } from './draws.ts';
import { changeBoxes, pictureOf } from './picture.ts';
import type { ImageArray, Results, Transform } from './results.ts';

const EXPAND_ARGS = declareArgs({
  mean: optional(listOf(number, 3), [0, 0, 0], 'The colour around the picture.'),
  to_rgb: optional(flag, true, 'Whether mean is RGB, and turned to BGR.'),
  ratio_range: optional(pairOf(atLeast(number, 1)), [1, 4], 'How much larger the canvas is.'),
  seg_ignore_label: optional(number, 255, 'Changes nothing: there are no segmentation maps.'),
  prob: optional(between(number, 0, 1), 0.5, 'How probable it is.'),
});

/**
 * Puts the picture somewhere on a larger canvas, so that objects look smaller. `img_shape` stays what it was, as in MMDetection.
 * Source: mmdet 2.28.2 `Expand`.
 */
export class Expand implements Transform {
  static readonly args = EXPAND_ARGS;
  /** In BGR. */
  readonly #mean: readonly number[];
  readonly #ratioRange: readonly [number, number];
  readonly #prob: number;

  constructor(args: ArgsOf<typeof EXPAND_ARGS> = {}) {
    const { mean, toRgb, ratioRange, prob } = withDefaults(EXPAND_ARGS, args);
    if (ratioRange[0] > ratioRange[1])
      throw badValue('ratio_range', 'a tuple (low, high), low first', ratioRange);
    this.#mean = toRgb ? mean.toReversed() : mean;
    this.#ratioRange = ratioRange;
    this.#prob = prob;
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    if (uniform(rng, 0) > this.#prob) return results;
    const img = pictureOf(results, 'Expand');
    const [h, w] = img.shape;
    const ratio = uniform(rng, ...this.#ratioRange);
    const left = Math.trunc(uniform(rng, 0, w * ratio - w));
    const top = Math.trunc(uniform(rng, 0, h * ratio - h));
    results.img = placed(img, [Math.trunc(h * ratio), Math.trunc(w * ratio)], top, left, this.#mean);
    changeBoxes(results, (boxes) => boxes.map((edge, i) => edge + (i % 2 === 0 ? left : top)));
    return results;
  }
}

/** A canvas of one colour with a picture on it. */
function placed(
  { data, shape: [h, w, c] }: ImageArray,
  [height, width]: readonly [number, number],
  top: number,
  left: number,
  colour: readonly number[],
): ImageArray {
  const canvas =
    data instanceof Uint8Array ? new Uint8Array(height * width * c) : new Float32Array(height * width * c);
  // Whole numbers cut the fraction off, as NumPy's cast does.
  for (let i = 0; i < width * c; i++) canvas[i] = at(colour, i % c);
  const row = canvas.slice(0, width * c);
  for (let y = 1; y < height; y++) canvas.set(row, y * width * c);
  for (let y = 0; y < h; y++)
    canvas.set(data.subarray(y * w * c, (y + 1) * w * c), ((top + y) * width + left) * c);
  return { data: canvas, shape: [height, width, c] };
}

PIPELINES.registerModule()(Expand);
