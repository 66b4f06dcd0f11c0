import { PIPELINES } from '../../registry/registries.ts';
import { badValue, isNumberList } from '../checkArgs.ts';
import { padLater } from './lazyImage.ts';
import { pictureOf } from './picture.ts';
import type { Results, Transform } from './results.ts';

interface PadArgs {
  size?: unknown;
  sizeDivisor?: unknown;
  padToSquare?: boolean;
  padVal?: unknown;
}

/**
 * Pads at the right and the bottom: to `size` (height, width), to a multiple of `size_divisor`, or to a square.
 * A side that is already larger stays. Source: mmdet 2.28.2 `Pad`.
 */
export class Pad implements Transform {
  static readonly args = { optional: ['size', 'size_divisor', 'pad_to_square', 'pad_val'] };
  readonly #size: readonly [number, number] | null;
  readonly #divisor: number | null;
  readonly #toSquare: boolean;
  readonly #value: number | readonly number[];

  constructor({ size, sizeDivisor, padToSquare = false, padVal }: PadArgs) {
    const given = [size, sizeDivisor].filter((v) => v !== undefined && v !== null).length;
    if (padToSquare ? given !== 0 : given !== 1) {
      throw badValue(
        'Pad',
        padToSquare
          ? 'given no size and no size_divisor with pad_to_square'
          : 'given either size or size_divisor',
        given === 0 ? null : [size, sizeDivisor],
      );
    }
    this.#size = readSize(size);
    this.#divisor = readDivisor(sizeDivisor);
    this.#toSquare = padToSquare;
    this.#value = readPadValue(padVal);
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

function readSize(size: unknown): readonly [number, number] | null {
  if (size === undefined || size === null) return null;
  if (!isNumberList(size, 2) || size.some((v) => v < 1))
    throw badValue('size', 'a tuple (height, width)', size);
  return [size[0], size[1]];
}

function readDivisor(divisor: unknown): number | null {
  if (divisor === undefined || divisor === null) return null;
  if (typeof divisor !== 'number' || !Number.isInteger(divisor) || divisor < 1) {
    throw badValue('size_divisor', 'a whole number of at least 1', divisor);
  }
  return divisor;
}

/** A number for everything, or a dict with the picture's value under `img`. */
function readPadValue(value: unknown): number | readonly number[] {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && !Array.isArray(value)) {
    const img = 'img' in value ? value.img : 0;
    if (typeof img === 'number' || isNumberList(img, 3)) return img;
  }
  throw badValue('pad_val', 'a number, or a dict such as dict(img=(114, 114, 114))', value);
}

PIPELINES.registerModule()(Pad);
