// Anchors in float32, value for value those of MMDetection.
// Source: mmdet 2.28.2 `core/anchor/anchor_generator.py`.

import { ConfigError } from '../../errors/index.ts';
import {
  above,
  atLeast,
  between,
  declareArgs,
  either,
  flag,
  int,
  listOf,
  number,
  optional,
  orNone,
  pairOf,
  PRIOR_GENERATORS,
  required,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import type { Boxes } from './iou.ts';
import { at, f32At } from '../../util/at.ts';

const f = Math.fround;

/** [rows, columns]. */
export type Size = readonly [number, number];

const positive = above(number, 0);

const ANCHOR_ARGS = declareArgs({
  strides: required(
    listOf(either(positive, pairOf(positive))),
    'Step between the cells of each level; two numbers: to the right and down.',
    'px',
  ),
  ratios: required(listOf(positive), 'Height over width of the anchors.'),
  scales: optional(orNone(listOf(number)), null, 'Sizes of the anchors, in units of the base size.'),
  base_sizes: optional(
    orNone(listOf(number)),
    null,
    'Side of the basic anchor of each level; None: the smaller stride.',
    'px',
  ),
  scale_major: optional(flag, true, 'Whether the scales of a ratio come one after the other.'),
  octave_base_scale: optional(orNone(number), null, 'The first scale of an octave, instead of scales.'),
  scales_per_octave: optional(orNone(atLeast(int, 1)), null, 'Scales of an octave, instead of scales.'),
  centers: optional(
    orNone(listOf(pairOf(number))),
    null,
    'Centre of the basic anchor of each level; None: center_offset says.',
    'px',
  ),
  center_offset: optional(between(number, 0, 1), 0, 'That centre as a share of the base size.'),
});
type AnchorArgs = Complete<typeof ANCHOR_ARGS>;

/**
 * The anchors of a pyramid of feature maps: every cell of every level gets the level's basic anchors.
 * Order: rows, then columns, then the basic anchors.
 */
export class AnchorGenerator {
  static readonly args = ANCHOR_ARGS;

  /** [width, height] per level, px. */
  readonly strides: readonly (readonly [number, number])[];
  /** float32 [A, 4] per level, xyxy around the centre of the first cell. */
  readonly baseAnchors: readonly Boxes[];

  constructor(args: ArgsOf<typeof ANCHOR_ARGS>) {
    const complete = withDefaults(ANCHOR_ARGS, args);
    const { strides, ratios, centers, centerOffset, scaleMajor } = complete;
    if (centerOffset !== 0 && centers !== null)
      throw bad(`center_offset must be 0 when centers are given, but got ${centerOffset}`);
    if (strides.length === 0) throw bad('strides must have one entry per level, but got []');
    if (ratios.length === 0) throw bad('ratios must have at least one entry, but got []');
    this.strides = strides.map((s) => (typeof s === 'number' ? [s, s] : s));
    if (centers !== null && centers.length !== this.strides.length)
      throw bad(`centers must have one entry per stride (${this.strides.length}), but got ${centers.length}`);
    const baseSizes = complete.baseSizes ?? this.strides.map(([w, h]) => Math.min(w, h));
    if (baseSizes.length !== this.strides.length)
      throw bad(
        `base_sizes must have one entry per stride (${this.strides.length}), but got ${baseSizes.length}`,
      );
    const scales = resolveScales(complete);
    this.baseAnchors = baseSizes.map((size, level) => {
      const center = centers?.[level] ?? [centerOffset * size, centerOffset * size];
      return makeBaseAnchors(size, scales, Float32Array.from(ratios), center, scaleMajor);
    });
  }

  get numLevels(): number {
    return this.strides.length;
  }

  /** Basic anchors per cell of each level. */
  get numBasePriors(): readonly number[] {
    return this.baseAnchors.map((anchors) => anchors.length / 4);
  }

  /**
   * The anchors of every level.
   * @param sizes one [rows, columns] per level
   * @returns float32 [rows * columns * A, 4] per level
   */
  gridPriors(sizes: readonly Size[]): Boxes[] {
    this.#assertLevels(sizes);
    return sizes.map((size, level) => this.#levelPriors(size, level));
  }

  /**
   * Which anchors have their cell inside the padded image.
   * @param padShape [height, width, …] of the padded image, px
   * @returns 0 or 1 per anchor, per level
   */
  validFlags(sizes: readonly Size[], padShape: readonly number[]): Uint8Array[] {
    this.#assertLevels(sizes);
    return sizes.map(([rows, columns], level) => {
      const [strideW, strideH] = at(this.strides, level);
      const validRows = Math.min(Math.ceil(at(padShape, 0) / strideH), rows);
      const validColumns = Math.min(Math.ceil(at(padShape, 1) / strideW), columns);
      const count = at(this.numBasePriors, level);
      const flags = new Uint8Array(rows * columns * count);
      for (let y = 0; y < validRows; y++)
        flags.fill(1, y * columns * count, (y * columns + validColumns) * count);
      return flags;
    });
  }

  #levelPriors([rows, columns]: Size, level: number): Boxes {
    const base = at(this.baseAnchors, level);
    const [strideW, strideH] = at(this.strides, level);
    const out = new Float32Array(rows * columns * base.length);
    let k = 0;
    for (let y = 0; y < rows; y++) {
      const shiftY = f(f(y) * f(strideH));
      for (let x = 0; x < columns; x++) {
        const shiftX = f(f(x) * f(strideW));
        for (let a = 0; a < base.length; a += 2) {
          out[k++] = f32At(base, a) + shiftX;
          out[k++] = f32At(base, a + 1) + shiftY;
        }
      }
    }
    return out;
  }

  #assertLevels(sizes: readonly Size[]): void {
    if (sizes.length !== this.numLevels) {
      throw new ConfigError(
        `the anchor generator has strides for ${this.numLevels} levels, but the neck gives ${sizes.length} feature maps`,
        {
          code: 'level-mismatch',
          path: 'model.bbox_head.anchor_generator.strides',
          hint: 'make the number of strides and neck.num_outs equal',
        },
      );
    }
  }
}

function resolveScales({ scales, octaveBaseScale, scalesPerOctave }: AnchorArgs): Float32Array {
  if (octaveBaseScale !== null && scalesPerOctave !== null && scales === null) {
    return Float32Array.from(
      { length: scalesPerOctave },
      (_, i) => 2 ** (i / scalesPerOctave) * octaveBaseScale,
    );
  }
  if (scales !== null && octaveBaseScale === null && scalesPerOctave === null)
    return Float32Array.from(scales);
  throw bad('either scales, or octave_base_scale together with scales_per_octave, must be given');
}

function makeBaseAnchors(
  size: number,
  scales: Float32Array,
  ratios: Float32Array,
  [centerX, centerY]: readonly [number, number],
  scaleMajor: boolean,
): Boxes {
  const out: number[] = [];
  const push = (ratio: number, scale: number): void => {
    const hRatio = f(Math.sqrt(ratio));
    const wRatio = f(1 / hRatio);
    // MMDetection multiplies in another order for each of the two layouts; float32 rounding shows it.
    const side = (r: number): number => (scaleMajor ? f(f(size * r) * scale) : f(f(size * scale) * r));
    const w = side(wRatio);
    const h = side(hRatio);
    out.push(centerX - f(0.5 * w), centerY - f(0.5 * h), centerX + f(0.5 * w), centerY + f(0.5 * h));
  };
  if (scaleMajor) for (const ratio of ratios) for (const scale of scales) push(ratio, scale);
  else for (const scale of scales) for (const ratio of ratios) push(ratio, scale);
  return Float32Array.from(out);
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

PRIOR_GENERATORS.registerModule()(AnchorGenerator);
