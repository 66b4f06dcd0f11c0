import { DatasetError, StorageError } from '../../errors/trainerError.ts';
import {
  absent,
  declareArgs,
  dictOf,
  flag,
  oneOf,
  optional,
  orNone,
  PIPELINES,
  unsupported,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import type { DecodedImage } from '../../contracts/image.ts';
import { joinPath } from '../paths.ts';
import { swapRedBlue } from './imageOps.ts';
import type { Results, Transform } from './results.ts';

const LOAD_ARGS = declareArgs({
  to_float32: optional(flag, false, 'Whether the picture becomes float32 at once.'),
  color_type: absent(unsupported('color'), 'How a picture is decoded.'),
  channel_order: optional(oneOf('bgr', 'rgb'), 'bgr', 'The order of the channels.'),
  file_client_args: absent(
    orNone(
      dictOf(
        declareArgs(
          { backend: absent(unsupported('disk'), 'Where files are read from.') },
          // Of other backends.
          { rest: true },
        ),
      ),
    ),
    'Where files are read from.',
  ),
});

/**
 * Loads `img_prefix` + `img_info.filename` as a uint8 BGR picture; sets filename, img, img_shape, ori_shape.
 * Source: mmdet 2.28.2 `LoadImageFromFile`. Differs: only color_type 'color'; transparent pictures are laid on black.
 * @throws DatasetError `image-not-found`, and what the decoder throws
 */
export class LoadImageFromFile implements Transform {
  static readonly args = LOAD_ARGS;
  readonly #toFloat32: boolean;
  readonly #isRgb: boolean;
  readonly #context: BuildContext;

  constructor(args: ArgsOf<typeof LOAD_ARGS>, context: BuildContext) {
    const { toFloat32, channelOrder } = withDefaults(LOAD_ARGS, args);
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
