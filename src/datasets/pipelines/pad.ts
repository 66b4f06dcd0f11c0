import {
  absent,
  anything,
  atLeast,
  declareArgs,
  dictOf,
  either,
  flag,
  int,
  listOf,
  number,
  optional,
  orNone,
  pairOf,
  PIPELINES,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { badValue } from '../checkArgs.ts';
import { padLater } from './lazyImage.ts';
import { pictureOf } from './picture.ts';
import type { Results, Transform } from './results.ts';

const PIXEL = either(number, listOf(number, 3));

const PAD_ARGS = declareArgs({
  size: optional(orNone(pairOf(atLeast(number, 1))), null, 'The (height, width) to pad to.', 'px'),
  size_divisor: optional(orNone(atLeast(int, 1)), null, 'Sides are padded to a multiple of it.', 'px'),
  pad_to_square: optional(flag, false, 'Whether the shorter side is padded to the longer one.'),
  pad_val: optional(
    orNone(
      either(
        number,
        dictOf(
          declareArgs({
            img: optional(PIXEL, 0, 'The value of the new pixels.'),
            masks: absent(anything, 'Changes nothing: there are no masks.'),
            seg: absent(anything, 'Changes nothing: there are no semantic maps.'),
          }),
        ),
      ),
    ),
    0,
    'The value of the new pixels; a dict: that of img.',
  ),
});

/**
 * Pads at the right and the bottom: to `size` (height, width), to a multiple of `size_divisor`, or to a square.
 * A side that is already larger stays. Source: mmdet 2.28.2 `Pad`.
 */
export class Pad implements Transform {
  static readonly args = PAD_ARGS;
  readonly #size: readonly [number, number] | null;
  readonly #divisor: number | null;
  readonly #toSquare: boolean;
  readonly #value: number | readonly number[];

  constructor(args: ArgsOf<typeof PAD_ARGS>) {
    const { size, sizeDivisor, padToSquare, padVal } = withDefaults(PAD_ARGS, args);
    const given = [size, sizeDivisor].filter((v) => v !== null).length;
    if (padToSquare ? given !== 0 : given !== 1) {
      throw badValue(
        'Pad',
        padToSquare
          ? 'given no size and no size_divisor with pad_to_square'
          : 'given either size or size_divisor',
        given === 0 ? null : [size, sizeDivisor],
      );
    }
    this.#size = size;
    this.#divisor = sizeDivisor;
    this.#toSquare = padToSquare;
    this.#value = typeof padVal === 'number' ? padVal : (padVal?.img ?? 0);
  }

  async call(results: Results): Promise<Results> {
    const img = pictureOf(results, 'Pad');
    const [h, w] = img.shape;
    const square = Math.max(h, w);
    const fixed = this.#toSquare ? ([square, square] as const) : this.#size;
    const divisor = this.#divisor ?? 1;
    const [height, width] = fixed ?? [Math.ceil(h / divisor) * divisor, Math.ceil(w / divisor) * divisor];
    results.img = padLater(img, height, width, this.#value);
    results.pad_shape = results.img.shape;
    results.pad_fixed_size = fixed;
    results.pad_size_divisor = this.#divisor;
    return results;
  }
}

PIPELINES.registerModule()(Pad);
