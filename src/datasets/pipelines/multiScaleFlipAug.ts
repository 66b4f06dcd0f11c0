import { ConfigError } from '../../errors/trainerError.ts';
import {
  above,
  absent,
  declareArgs,
  flag,
  number,
  oneOrMore,
  optional,
  orNone,
  PIPELINES,
  required,
  str,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue, IMG_SCALES, toImgScales } from '../checkArgs.ts';
import { buildTransforms, PIPELINE, runTransforms } from './compose.ts';
import type { ImgScale, Results, Transform } from './results.ts';

const FLIP_AUG_ARGS = declareArgs({
  transforms: required(PIPELINE, 'What is done at each size, in order.'),
  img_scale: optional(orNone(IMG_SCALES), null, 'The size that the picture is fitted into.', 'px'),
  scale_factor: optional(
    orNone(oneOrMore(above(number, 0))),
    null,
    'Instead of img_scale: how much larger the picture becomes.',
  ),
  flip: optional(flag, false, 'Whether the picture is mirrored, too; not supported.'),
  flip_direction: absent(oneOrMore(str), 'Changes nothing without flip.'),
});

/**
 * Runs the test transforms at `img_scale` (or the picture times `scale_factor`), without mirroring.
 * Source: mmdet 2.28.2 `MultiScaleFlipAug`. Differs: one version of the picture only, so the results are not
 * wrapped into lists of one; several sizes or `flip=True` are refused.
 * @throws ConfigError `unsupported` for test-time augmentation
 */
export class MultiScaleFlipAug implements Transform {
  static readonly args = FLIP_AUG_ARGS;
  readonly #path: string;
  readonly #transforms: readonly Transform[];
  readonly #scale: ImgScale | null;
  readonly #scaleFactor: number | null;

  constructor(args: ArgsOf<typeof FLIP_AUG_ARGS>, context: BuildContext) {
    const { transforms, imgScale, scaleFactor, flip } = withDefaults(FLIP_AUG_ARGS, args);
    if ((imgScale === null) === (scaleFactor === null)) {
      throw badValue('MultiScaleFlipAug', 'given either img_scale or scale_factor', [imgScale, scaleFactor]);
    }
    const scales = imgScale === null ? [] : toImgScales(imgScale);
    const factors = scaleFactor === null ? [] : [scaleFactor].flat();
    if (flip || scales.length > 1 || factors.length > 1) {
      const what = flip ? 'flip=True' : `${Math.max(scales.length, factors.length)} sizes`;
      throw new ConfigError(`MultiScaleFlipAug with ${what} (test-time augmentation) is not supported`, {
        code: 'unsupported',
        hint: 'give one img_scale and flip=False',
      });
    }
    this.#scale = scales[0] ?? null;
    this.#scaleFactor = factors[0] ?? null;
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
