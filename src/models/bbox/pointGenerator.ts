// The points of a pyramid of feature maps. Source: mmdet 2.28.2 `core/anchor/point_generator.py` MlvlPointGenerator.

import {
  above,
  declareArgs,
  either,
  listOf,
  number,
  optional,
  pairOf,
  PRIOR_GENERATORS,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import type { Size } from './anchorGenerator.ts';

const f = Math.fround;

const POINT_ARGS = declareArgs({
  strides: required(
    listOf(either(above(number, 0), pairOf(above(number, 0)))),
    'How far cells are apart on each level; (w, h) where that differs.',
    'px',
  ),
  offset: optional(number, 0.5, 'Where in its cell a point lies, in strides.', 'strides'),
});

/** One point per cell of every level; rows, then columns. */
export class MlvlPointGenerator {
  static readonly args = POINT_ARGS;
  /** [width, height] per level, px. */
  readonly strides: readonly (readonly [number, number])[];
  readonly #offset: number;

  constructor(args: ArgsOf<typeof POINT_ARGS>) {
    const { strides, offset } = withDefaults(POINT_ARGS, args);
    this.strides = strides.map((stride) => (typeof stride === 'number' ? [stride, stride] : stride));
    this.#offset = offset;
  }

  get numLevels(): number {
    return this.strides.length;
  }

  /** Points per cell of each level. */
  get numBasePriors(): readonly number[] {
    return this.strides.map(() => 1);
  }

  /**
   * @param sizes one [rows, columns] per level
   * @returns float32 [rows * columns, 2] per level, (x, y), px
   */
  gridPriors(sizes: readonly Size[]): Float32Array[] {
    return sizes.map(([rows, columns], level) => {
      const [width, height] = at(this.strides, level);
      const points = new Float32Array(rows * columns * 2);
      for (let y = 0, k = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          points[k++] = f(f(x + this.#offset) * width);
          points[k++] = f(f(y + this.#offset) * height);
        }
      return points;
    });
  }

  /** The same with the strides: float32 [rows * columns, 4] per level, (x, y, stride w, stride h), px. */
  gridPriorsWithStride(sizes: readonly Size[]): Float32Array[] {
    return this.gridPriors(sizes).map((points, level) => {
      const [width, height] = at(this.strides, level);
      return Float32Array.from({ length: points.length * 2 }, (_, k) =>
        (k & 3) < 2 ? at(points, (k >> 2) * 2 + (k & 1)) : (k & 1) === 0 ? width : height,
      );
    });
  }

  /**
   * Which points have their cell inside the padded picture.
   * @param padShape [height, width, …], px
   * @returns 0 or 1 per point, per level
   */
  validFlags(sizes: readonly Size[], padShape: readonly number[]): Uint8Array[] {
    return sizes.map(([rows, columns], level) => {
      const [width, height] = at(this.strides, level);
      const validRows = Math.min(Math.ceil(at(padShape, 0) / height), rows);
      const validColumns = Math.min(Math.ceil(at(padShape, 1) / width), columns);
      const flags = new Uint8Array(rows * columns);
      for (let y = 0; y < validRows; y++) flags.fill(1, y * columns, y * columns + validColumns);
      return flags;
    });
  }
}

PRIOR_GENERATORS.registerModule()(MlvlPointGenerator);
