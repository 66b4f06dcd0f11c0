import {
  between,
  declareArgs,
  either,
  listOf,
  number,
  oneOf,
  oneOrMore,
  optional,
  orNone,
  PIPELINES,
  withDefaults,
  worded,
  type ArgsOf,
} from '../../registry/index.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../checkArgs.ts';
import { flipLater } from './lazyImage.ts';
import { changeBoxes, pictureOf } from './picture.ts';
import type { FlipDirection, ImageShape, Results, Transform } from './results.ts';
import { at, f32At } from '../../util/at.ts';

const share = between(number, 0, 1);

const FLIP_ARGS = declareArgs({
  flip_ratio: optional(
    orNone(worded(either(share, listOf(share)), 'a number from 0 to 1 or a list of them')),
    null,
    'How probable it is: a number shared evenly by all directions, or one number per direction.',
  ),
  direction: optional(
    oneOrMore(oneOf('horizontal', 'vertical', 'diagonal')),
    'horizontal',
    'Which way, or which ways.',
  ),
});

/**
 * Mirrors picture and boxes with probability `flip_ratio`: a number shared evenly by all directions, or one number
 * per direction. `flip` and `flip_direction` already in the results win. Source: mmdet 2.28.2 `RandomFlip`.
 */
export class RandomFlip implements Transform {
  static readonly args = FLIP_ARGS;
  readonly #directions: readonly FlipDirection[];
  /** One probability per direction; null where the results must say. */
  readonly #ratios: readonly number[] | null;

  constructor(args: ArgsOf<typeof FLIP_ARGS>) {
    const { flipRatio, direction } = withDefaults(FLIP_ARGS, args);
    const directions = [direction].flat();
    if (directions.length === 0) throw badValue('direction', 'at least one', direction);
    this.#directions = directions;
    this.#ratios = readRatios(flipRatio, directions.length);
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    if (results.flip === undefined) {
      const chosen = this.#choose(rng);
      results.flip = chosen !== null;
      if (results.flip_direction === undefined) results.flip_direction = chosen;
    }
    results.flip_direction ??= null;
    if (!results.flip) return results;
    const direction = results.flip_direction ?? 'horizontal';
    const { img_shape } = results;
    const img = pictureOf(results, 'RandomFlip');
    results.img = flipLater(img, direction);
    changeBoxes(results, (boxes) => flipBoxes(boxes, img_shape ?? img.shape, direction));
    return results;
  }

  #choose(rng: Rng): FlipDirection | null {
    if (!this.#ratios) {
      throw badValue('flip_ratio', 'set where RandomFlip decides by itself', null, 'write flip_ratio=0.5');
    }
    let rest = rng.uniform();
    for (const [i, ratio] of this.#ratios.entries()) {
      if (rest < ratio) return at(this.#directions, i);
      rest -= ratio;
    }
    return null;
  }
}

/** Mirror boxes inside a picture of `shape`; float32 [N, 4] xyxy. */
function flipBoxes(boxes: Float32Array, [h, w]: ImageShape, direction: FlipDirection): Float32Array {
  const flipped = boxes.slice();
  for (let i = 0; i < boxes.length; i += 4) {
    if (direction !== 'vertical') {
      flipped[i] = w - f32At(boxes, i + 2);
      flipped[i + 2] = w - f32At(boxes, i);
    }
    if (direction !== 'horizontal') {
      flipped[i + 1] = h - f32At(boxes, i + 3);
      flipped[i + 3] = h - f32At(boxes, i + 1);
    }
  }
  return flipped;
}

function readRatios(flipRatio: number | readonly number[] | null, count: number): readonly number[] | null {
  if (flipRatio === null) return null;
  if (typeof flipRatio === 'number') return Array.from({ length: count }, () => flipRatio / count);
  // A hair above 1 is rounding: 0.7 + 0.2 + 0.1.
  const sum = flipRatio.reduce((a, b) => a + b, 0);
  if (sum > 1 + 1e-9) {
    throw badValue('flip_ratio', 'probabilities with a sum of at most 1', flipRatio);
  }
  if (flipRatio.length !== count) throw badValue('flip_ratio', `as long as direction (${count})`, flipRatio);
  return flipRatio;
}

PIPELINES.registerModule()(RandomFlip);
