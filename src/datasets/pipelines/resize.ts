import { ConfigError, DatasetError } from '../../errors/trainerError.ts';
import {
  above,
  absent,
  declareArgs,
  flag,
  number,
  oneOf,
  optional,
  orNone,
  pairOf,
  PIPELINES,
  unsupported,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue, IMG_SCALES, toImgScales } from '../checkArgs.ts';
import { resizeBilinear } from './imageOps.ts';
import { changeBoxes, pictureOf } from './picture.ts';
import type { ImgScale, Results, Transform } from './results.ts';
import { at, f32At } from '../../util/at.ts';

const RESIZE_ARGS = declareArgs({
  img_scale: optional(
    orNone(IMG_SCALES),
    null,
    'The size (width, height) that the picture is fitted into.',
    'px',
  ),
  multiscale_mode: optional(
    oneOf('range', 'value'),
    'range',
    'With several sizes: a random one between two, or one of them.',
  ),
  ratio_range: optional(orNone(pairOf(above(number, 0))), null, 'Random factor of the one img_scale.'),
  keep_ratio: optional(flag, true, 'Whether the picture keeps its ratio of width to height.'),
  bbox_clip_border: optional(flag, true, "Whether boxes are clipped to the picture's border."),
  backend: absent(unsupported('cv2'), 'The library that resizes: here always as OpenCV does.'),
  interpolation: absent(unsupported('bilinear'), 'How pixels in between are made.'),
  override: optional(flag, false, 'Whether a size that a step before has chosen is chosen anew.'),
});

/**
 * Resizes picture and boxes. The size is, in this order: what the results already hold (`scale`, or `scale_factor`
 * times the picture), `img_scale` times a random factor of `ratio_range`, the only `img_scale`, a random size between
 * two (`range`), or one of several (`value`). With `keep_ratio` the picture is made as large as fits into
 * (long edge, short edge). Source: mmdet 2.28.2 `Resize`, mmcv 1.7.2 `imrescale`.
 */
export class Resize implements Transform {
  static readonly args = RESIZE_ARGS;
  readonly #scales: readonly ImgScale[] | null;
  readonly #isRange: boolean;
  readonly #ratioRange: readonly [number, number] | null;
  readonly #keepRatio: boolean;
  readonly #clips: boolean;
  readonly #overrides: boolean;

  constructor(args: ArgsOf<typeof RESIZE_ARGS>) {
    const complete = withDefaults(RESIZE_ARGS, args);
    const { imgScale, multiscaleMode, ratioRange, keepRatio, bboxClipBorder, override } = complete;
    this.#scales = imgScale === null ? null : toImgScales(imgScale);
    if (this.#scales?.length === 0) throw badValue('img_scale', 'at least one size', imgScale);
    this.#ratioRange = ratioRange;
    if (ratioRange) {
      if (ratioRange[0] > ratioRange[1])
        throw badValue('ratio_range', 'a tuple (low, high), low first', ratioRange);
      if (this.#scales?.length !== 1)
        throw badValue('img_scale', 'exactly one size with ratio_range', imgScale);
    } else if (multiscaleMode === 'range' && (this.#scales?.length ?? 0) > 2) {
      throw badValue(
        'img_scale',
        "at most two sizes with multiscale_mode='range'",
        imgScale,
        "use multiscale_mode='value'",
      );
    }
    this.#isRange = multiscaleMode === 'range';
    this.#keepRatio = keepRatio;
    this.#clips = bboxClipBorder;
    this.#overrides = override;
  }

  async call(results: Results, rng: Rng): Promise<Results> {
    const img = pictureOf(results, 'Resize');
    const [h, w, c] = img.shape;
    const { scale, scaleIdx } = this.#chooseScale(results, rng);
    const [newW, newH] = this.#keepRatio
      ? fitSize(w, h, scale)
      : [Math.trunc(scale[0]), Math.trunc(scale[1])];
    if (newW < 1 || newH < 1) {
      throw new DatasetError(
        `${results.filename ?? 'the picture'} is ${w}x${h}; resized to img_scale (${scale.join(', ')}) it must keep at least 1 px each way, but would be ${newW}x${newH}`,
        {
          code: 'image-too-thin',
          path: results.filename,
          hint: 'take the picture out, or choose a larger img_scale',
        },
      );
    }
    const factors = Float32Array.of(newW / w, newH / h, newW / w, newH / h);
    results.scale = scale;
    if (scaleIdx !== undefined) results.scale_idx = scaleIdx;
    results.img = resizeBilinear(img, newW, newH);
    results.img_shape = [newH, newW, c];
    results.pad_shape = [newH, newW, c];
    results.scale_factor = [...factors];
    results.keep_ratio = this.#keepRatio;
    changeBoxes(results, (boxes) => this.#scaleBoxes(boxes, factors, newW, newH));
    return results;
  }

  #chooseScale(results: Results, rng: Rng): { scale: ImgScale; scaleIdx?: number | null } {
    if (results.scale && !this.#overrides) {
      if (results.scale_factor === undefined) return { scale: results.scale };
      throw new ConfigError('Resize got both scale and scale_factor, but they cannot be both set', {
        code: 'resized-twice',
        hint: 'the pipeline resizes twice; give the second Resize override=True',
      });
    }
    if (!results.scale && results.scale_factor !== undefined) {
      const [h, w] = pictureOf(results, 'Resize').shape;
      const factor =
        typeof results.scale_factor === 'number' ? results.scale_factor : at(results.scale_factor, 0);
      return { scale: [Math.trunc(w * factor), Math.trunc(h * factor)] };
    }
    return this.#randomScale(rng);
  }

  #randomScale(rng: Rng): { scale: ImgScale; scaleIdx: number | null } {
    const scales = this.#scales;
    if (!scales) {
      throw new ConfigError('Resize has no img_scale, and no step before it set one', {
        code: 'no-scale',
        hint: 'write img_scale=(width, height), or put Resize into MultiScaleFlipAug',
      });
    }
    if (this.#ratioRange) {
      const [low, high] = this.#ratioRange;
      const ratio = rng.uniform() * (high - low) + low;
      return {
        scale: [Math.trunc(at(scales, 0)[0] * ratio), Math.trunc(at(scales, 0)[1] * ratio)],
        scaleIdx: null,
      };
    }
    if (scales.length === 1) return { scale: at(scales, 0), scaleIdx: 0 };
    if (!this.#isRange) {
      const scaleIdx = rng.integer(scales.length);
      return { scale: at(scales, scaleIdx), scaleIdx };
    }
    const between = (values: readonly number[]): number => {
      const low = Math.min(...values);
      return low + rng.integer(Math.max(...values) - low + 1);
    };
    const long = between(scales.map((s) => Math.max(...s)));
    return { scale: [long, between(scales.map((s) => Math.min(...s)))], scaleIdx: null };
  }

  #scaleBoxes(boxes: Float32Array, factors: Float32Array, width: number, height: number): Float32Array {
    const scaled = boxes.map((v, i) => v * f32At(factors, i % 4));
    if (!this.#clips) return scaled;
    return scaled.map((v, i) => Math.min(Math.max(v, 0), i % 2 === 0 ? width : height));
  }
}

/** The largest size with the picture's ratio inside (long edge, short edge). Source: mmcv 1.7.2 `rescale_size`. */
function fitSize(w: number, h: number, scale: ImgScale): [number, number] {
  const factor = Math.min(Math.max(...scale) / Math.max(h, w), Math.min(...scale) / Math.min(h, w));
  return [Math.trunc(w * factor + 0.5), Math.trunc(h * factor + 0.5)];
}

PIPELINES.registerModule()(Resize);
