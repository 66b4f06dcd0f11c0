// The last steps of a pipeline: to float32, and down to what a batch takes. Source: mmdet 2.28.2 `formatting.py`.

import { ConfigError } from '../../errors/trainerError.ts';
import {
  absent,
  anything,
  declareArgs,
  flag,
  listOf,
  PIPELINES,
  required,
  str,
  type ArgsOf,
} from '../../registry/index.ts';
import { toFloatLater } from './lazyImage.ts';
import { pictureOf } from './picture.ts';
import type { ImageArray, ImgMeta, Results, Transform } from './results.ts';

const BUNDLE_ARGS = declareArgs({
  img_to_float: absent(flag, 'Changes nothing: the picture becomes float32 in any case.'),
  pad_val: absent(anything, 'Changes nothing: batches are padded with 0.'),
});
const KEYS_ARGS = declareArgs({ keys: required(listOf(str), 'The keys of the results that it is about.') });
const COLLECT_ARGS = declareArgs({
  ...KEYS_ARGS.table,
  meta_keys: absent(listOf(str), 'The keys that go into img_metas.'),
});

/** Turns the picture into float32 and fills in the metas that no step has set. Differs: stays [H, W, C]. */
export class DefaultFormatBundle implements Transform {
  static readonly args = BUNDLE_ARGS;

  async call(results: Results): Promise<Results> {
    const img = toFloatLater(pictureOf(results, 'DefaultFormatBundle'));
    results.img = img;
    fillMetas(results, img);
    return results;
  }
}

/** The test pipeline's formatter: float32. Differs: stays [H, W, C]. */
export class ImageToTensor implements Transform {
  static readonly args = KEYS_ARGS;

  async call(results: Results): Promise<Results> {
    results.img = toFloatLater(pictureOf(results, 'ImageToTensor'));
    return results;
  }
}

const DEFAULT_META_KEYS = [
  'filename',
  'ori_filename',
  'ori_shape',
  'img_shape',
  'pad_shape',
  'scale_factor',
  'flip',
  'flip_direction',
  'img_norm_cfg',
];

/**
 * Keeps `keys` and gathers `meta_keys` into `img_metas`, with the picture's id and index besides.
 * @throws ConfigError `missing-key` naming the key that no step has set
 */
export class Collect implements Transform {
  static readonly args = COLLECT_ARGS;
  readonly #keys: readonly string[];
  readonly #metaKeys: readonly string[];

  constructor({ keys, metaKeys = DEFAULT_META_KEYS }: ArgsOf<typeof COLLECT_ARGS>) {
    this.#keys = keys;
    this.#metaKeys = metaKeys;
  }

  async call(results: Results): Promise<Results> {
    const { img_info, img_prefix, index, img } = results;
    // The loader and the detectors need every default meta, also where the config asks for fewer of them.
    if (img) fillMetas(results, img);
    const collected: Results = { img_info, img_prefix, index, bbox_fields: [], img_fields: ['img'] };
    const metas: Record<string, unknown> = { img_id: img_info.id, index };
    for (const key of this.#keys) collected[key] = this.#read(results, key, 'keys');
    for (const key of DEFAULT_META_KEYS) metas[key] = results[key];
    for (const key of this.#metaKeys) metas[key] = this.#read(results, key, 'meta_keys');
    // Every key of ImgMeta has just been set.
    collected.img_metas = metas as unknown as ImgMeta;
    return collected;
  }

  #read(results: Results, key: string, option: string): unknown {
    const value = results[key];
    if (value !== undefined) return value;
    throw new ConfigError(`Collect's ${option} asks for '${key}', but no step before it has set that`, {
      code: 'missing-key',
      hint: `the results hold: ${Object.keys(results).join(', ')}`,
    });
  }
}

function fillMetas(results: Results, img: ImageArray): void {
  results.pad_shape ??= img.shape;
  results.scale_factor ??= [1, 1, 1, 1];
  results.flip ??= false;
  results.flip_direction ??= null;
  results.img_norm_cfg ??= { mean: [0, 0, 0], std: [1, 1, 1], to_rgb: false };
}

PIPELINES.registerModule()(DefaultFormatBundle);
PIPELINES.registerModule()(ImageToTensor);
PIPELINES.registerModule()(Collect);
