import { PIPELINES } from '../../registry/registries.ts';
import { badValue, isNumberList } from '../checkArgs.ts';
import { normalizeLater } from './lazyImage.ts';
import { pictureOf } from './picture.ts';
import type { ImgNormCfg, Results, Transform } from './results.ts';

interface NormalizeArgs {
  mean: unknown;
  std: unknown;
  toRgb?: boolean;
}

/** (img - mean) / std in float32, after BGR to RGB where `to_rgb`. Source: mmdet 2.28.2 `Normalize`. */
export class Normalize implements Transform {
  static readonly args = { required: ['mean', 'std'], optional: ['to_rgb'] };
  readonly #cfg: ImgNormCfg;

  constructor({ mean, std, toRgb = true }: NormalizeArgs) {
    if (!isNumberList(mean, 3)) throw badValue('mean', 'three numbers', mean);
    if (!isNumberList(std, 3) || std.includes(0)) throw badValue('std', 'three numbers other than 0', std);
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
