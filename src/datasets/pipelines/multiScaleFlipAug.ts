import { ConfigError } from '../../errors/trainerError.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { PIPELINES } from '../../registry/registries.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue, toImgScales } from '../checkArgs.ts';
import { buildTransforms, runTransforms } from './compose.ts';
import type { ImgScale, Results, Transform } from './results.ts';

interface MultiScaleFlipAugArgs {
  transforms: unknown;
  imgScale?: unknown;
  scaleFactor?: unknown;
  flip?: boolean;
  flipDirection?: unknown;
}

/**
 * Runs the test transforms at `img_scale` (or the picture times `scale_factor`), without mirroring.
 * Source: mmdet 2.28.2 `MultiScaleFlipAug`. Differs: one version of the picture only, so the results are not
 * wrapped into lists of one; several sizes or `flip=True` are refused.
 * @throws ConfigError `unsupported` for test-time augmentation
 */
export class MultiScaleFlipAug implements Transform {
  static readonly args = {
    required: ['transforms'],
    optional: ['img_scale', 'scale_factor', 'flip', 'flip_direction'],
  };
  readonly #path: string;
  readonly #transforms: readonly Transform[];
  readonly #scale: ImgScale | null;
  readonly #scaleFactor: number | null;

  constructor(args: MultiScaleFlipAugArgs, context: BuildContext) {
    const { transforms, imgScale = null, scaleFactor = null, flip = false } = args;
    if ((imgScale === null) === (scaleFactor === null)) {
      throw badValue('MultiScaleFlipAug', 'given either img_scale or scale_factor', [imgScale, scaleFactor]);
    }
    const scales = imgScale === null ? [] : toImgScales(imgScale, 'img_scale');
    const factors = Array.isArray(scaleFactor) ? scaleFactor : [scaleFactor];
    if (flip || scales.length > 1 || factors.length > 1) {
      const what = flip ? 'flip=True' : `${Math.max(scales.length, factors.length)} sizes`;
      throw new ConfigError(`MultiScaleFlipAug with ${what} (test-time augmentation) is not supported`, {
        code: 'unsupported',
        hint: 'give one img_scale and flip=False',
      });
    }
    const factor: unknown = factors[0];
    if (factor !== null && (typeof factor !== 'number' || factor <= 0)) {
      throw badValue('scale_factor', 'a positive number', scaleFactor);
    }
    this.#scale = scales[0] ?? null;
    this.#scaleFactor = factor;
    this.#path = `${context.path}.transforms`;
    this.#transforms = buildTransforms(transforms, context, 'transforms');
  }

  async call(results: Results, rng: Rng): Promise<Results | null> {
    if (this.#scale) results.scale = this.#scale;
    else results.scale_factor = this.#scaleFactor ?? 1;
    results.flip = false;
    results.flip_direction = null;
    return runTransforms(this.#transforms, results, rng, this.#path);
  }
}

PIPELINES.registerModule()(MultiScaleFlipAug);
