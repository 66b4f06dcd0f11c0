import {
  declareArgs,
  flag,
  listOf,
  number,
  optional,
  PIPELINES,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { badValue } from '../checkArgs.ts';
import { normalizeLater } from './lazyImage.ts';
import { pictureOf } from './picture.ts';
import type { ImgNormCfg, Results, Transform } from './results.ts';

const NORMALIZE_ARGS = declareArgs({
  mean: required(listOf(number, 3), 'Subtracted from each channel.'),
  std: required(listOf(number, 3), 'Each channel is divided by it.'),
  to_rgb: optional(flag, true, 'Whether channels are turned from BGR to RGB before.'),
});

/** (img - mean) / std in float32, after BGR to RGB where `to_rgb`. Source: mmdet 2.28.2 `Normalize`. */
export class Normalize implements Transform {
  static readonly args = NORMALIZE_ARGS;
  readonly #cfg: ImgNormCfg;

  constructor(args: ArgsOf<typeof NORMALIZE_ARGS>) {
    const { mean, std, toRgb } = withDefaults(NORMALIZE_ARGS, args);
    if (std.includes(0)) throw badValue('std', 'three numbers other than 0', std);
    // The plain numbers, so that metas read as the config does.
    this.#cfg = { mean: [...mean], std: [...std], to_rgb: toRgb };
  }

  async call(results: Results): Promise<Results> {
    results.img = normalizeLater(pictureOf(results, 'Normalize'), this.#cfg);
    results.img_norm_cfg = this.#cfg;
    return results;
  }
}

PIPELINES.registerModule()(Normalize);
