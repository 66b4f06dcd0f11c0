import { DatasetError, StorageError } from '../../errors/trainerError.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { PIPELINES } from '../../registry/registries.ts';
import type { DecodedImage } from '../../contracts/image.ts';
import { badValue, refuseUnsupported } from '../checkArgs.ts';
import { joinPath } from '../paths.ts';
import { swapRedBlue } from './imageOps.ts';
import type { Results, Transform } from './results.ts';

interface LoadImageFromFileArgs {
  toFloat32?: boolean;
  colorType?: string;
  channelOrder?: string;
  fileClientArgs?: { backend?: string };
}

/**
 * Loads `img_prefix` + `img_info.filename` as a uint8 BGR picture; sets filename, img, img_shape, ori_shape.
 * Source: mmdet 2.28.2 `LoadImageFromFile`. Differs: only color_type 'color'; transparent pictures are laid on black.
 * @throws DatasetError `image-not-found`, and what the decoder throws
 */
export class LoadImageFromFile implements Transform {
  static readonly args = { optional: ['to_float32', 'color_type', 'channel_order', 'file_client_args'] };
  readonly #toFloat32: boolean;
  readonly #isRgb: boolean;
  readonly #context: BuildContext;

  constructor(args: LoadImageFromFileArgs, context: BuildContext) {
    const { toFloat32 = false, colorType = 'color', channelOrder = 'bgr', fileClientArgs } = args;
    refuseUnsupported('color_type', colorType, ['color']);
    refuseUnsupported('file_client_args.backend', fileClientArgs?.backend, ['disk']);
    if (channelOrder !== 'bgr' && channelOrder !== 'rgb') {
      throw badValue('channel_order', "'bgr' or 'rgb'", channelOrder);
    }
    this.#toFloat32 = toFloat32;
    this.#isRgb = channelOrder === 'rgb';
    this.#context = context;
  }

  async call(results: Results): Promise<Results> {
    const { img_info, img_prefix } = results;
    const filename = joinPath(img_prefix, img_info.filename);
    const picture = img_info.pixels ? img_info.pixels() : await this.#read(filename);
    for (const warning of picture.warnings ?? []) this.#context.services.warn(`${filename}: ${warning}`);
    // A copy in both cases: generated datasets keep their pictures.
    const ordered = this.#isRgb ? picture.rgb.slice() : swapRedBlue(picture.rgb);
    const shape = [picture.height, picture.width, 3] as const;
    results.filename = filename;
    results.ori_filename = img_info.filename;
    results.img = { data: this.#toFloat32 ? Float32Array.from(ordered) : ordered, shape };
    results.img_shape = shape;
    results.ori_shape = shape;
    results.img_fields = ['img'];
    return results;
  }

  async #read(filename: string): Promise<DecodedImage> {
    const { fs, decodeImage } = this.#context.services;
    let bytes: Uint8Array;
    try {
      bytes = await fs.readFile(filename);
    } catch (cause) {
      if (!(cause instanceof StorageError) || cause.code !== 'not-found') throw cause;
      throw new DatasetError(`picture ${filename} must exist, but there is no such file`, {
        code: 'image-not-found',
        path: filename,
        hint: 'check img_prefix and data_root; the annotation file names this picture',
        cause,
      });
    }
    return decodeImage(bytes, filename);
  }
}

PIPELINES.registerModule()(LoadImageFromFile);
