import {
  atLeast,
  declareArgs,
  number,
  optional,
  pairOf,
  PIPELINES,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at, f32At } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { coin, uniform } from './draws.ts';
import { pictureOf } from './picture.ts';
import type { Results, Transform } from './results.ts';

const positive = atLeast(number, 0);

const PHOTO_ARGS = declareArgs({
  brightness_delta: optional(positive, 32, 'The most that is added to all values.'),
  contrast_range: optional(pairOf(positive), [0.5, 1.5], 'The factor of all values.'),
  saturation_range: optional(pairOf(positive), [0.5, 1.5], 'The factor of the saturation.'),
  hue_delta: optional(positive, 18, 'The most that is added to the hue.', 'degrees'),
});

/**
 * Changes brightness, contrast (first or last), saturation, hue and the order of channels, each with probability 1/2. The picture
 * becomes float32. Source: mmdet 2.28.2 `PhotoMetricDistortion`; OpenCV's float32 BGR to HSV and back.
 */
export class PhotoMetricDistortion implements Transform {
  static readonly args = PHOTO_ARGS;
  readonly #brightness: number;
  readonly #contrast: readonly [number, number];
  readonly #saturation: readonly [number, number];
  readonly #hue: number;

  constructor(args: ArgsOf<typeof PHOTO_ARGS> = {}) {
    const complete = withDefaults(PHOTO_ARGS, args);
    this.#brightness = complete.brightnessDelta;
    this.#contrast = complete.contrastRange;
    this.#saturation = complete.saturationRange;
    this.#hue = complete.hueDelta;
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    const { data, shape } = pictureOf(results, 'PhotoMetricDistortion');
    const added = coin(rng) ? uniform(rng, -this.#brightness, this.#brightness) : 0;
    const isContrastFirst = coin(rng);
    const before = isContrastFirst && coin(rng) ? uniform(rng, ...this.#contrast) : 1;
    const saturation = coin(rng) ? uniform(rng, ...this.#saturation) : 1;
    const hue = coin(rng) ? uniform(rng, -this.#hue, this.#hue) : 0;
    const after = !isContrastFirst && coin(rng) ? uniform(rng, ...this.#contrast) : 1;
    const order = coin(rng) ? rng.permutation(3) : Int32Array.of(0, 1, 2);
    const out = new Float32Array(data.length);
    const pixel = new Float32Array(3);
    for (let i = 0; i < data.length; i += 3) {
      for (let k = 0; k < 3; k++) pixel[k] = Math.fround(at(data, i + k) + added) * before;
      shiftHsv(pixel, saturation, hue);
      for (let k = 0; k < 3; k++) out[i + k] = f32At(pixel, at(order, k)) * after;
    }
    results.img = { data: out, shape };
    return results;
  }
}

const EPSILON = 2 ** -23;
/** Which of (v, v (1 - s), v (1 - s f), v (1 - s (1 - f))) are b, g and r in each sixth of the circle. */
const SECTORS = [
  [1, 3, 0],
  [1, 0, 2],
  [3, 0, 1],
  [0, 2, 1],
  [0, 1, 3],
  [2, 1, 0],
] as const;

/** Scale saturation and shift the hue of one BGR pixel, in place. @param hue in degrees */
function shiftHsv(pixel: Float32Array, saturation: number, hue: number): void {
  const f = Math.fround;
  const [b = 0, g = 0, r = 0] = pixel;
  const value = Math.max(b, g, r);
  const range = f(value - Math.min(b, g, r));
  const s = f(f(range / f(Math.abs(value) + EPSILON)) * f(saturation));
  const step = f(60 / f(range + EPSILON));
  let h =
    value === r
      ? f(f(g - b) * step)
      : value === g
        ? f(f(f(b - r) * step) + 120)
        : f(f(f(r - g) * step) + 240);
  if (h < 0) h = f(h + 360);
  h = f(h + f(hue));
  if (h > 360) h = f(h - 360);
  if (h < 0) h = f(h + 360);
  if (s === 0) {
    pixel.fill(value);
    return;
  }
  let sixth = f(h * f(6 / 360));
  while (sixth < 0) sixth = f(sixth + 6);
  while (sixth >= 6) sixth = f(sixth - 6);
  const sector = Math.floor(sixth);
  const rest = f(sixth - sector);
  const shades = [
    value,
    f(value * f(1 - s)),
    f(value * f(1 - f(s * rest))),
    f(value * f(1 - f(s * f(1 - rest)))),
  ];
  for (let k = 0; k < 3; k++) pixel[k] = at(shades, at(at(SECTORS, sector), k));
}

PIPELINES.registerModule()(PhotoMetricDistortion);
