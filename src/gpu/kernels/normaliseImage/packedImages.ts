// How uint8 pictures travel to the GPU: their bytes as decoded and resized, a few words about each, and one table that
// says what a byte becomes. Nothing here needs a GPU or tfjs: the data worker packs too.
import { invariant } from '../../../errors/index.ts';
import { at } from '../../../util/at.ts';

/** A uint8 picture and what is still to be done to it: flip, then look up, then pad at the right and the bottom. */
export interface PackedImage {
  /** uint8 [height, width, 3], row by row. */
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly flip: 'horizontal' | 'vertical' | 'diagonal' | null;
  /** The first and the third channel change places. */
  readonly swapsChannels: boolean;
  /** Rows and columns after padding, px. */
  readonly padded: readonly [height: number, width: number];
  /**
   * float32 [257, 3]: what each byte becomes in each channel of the result; the last row is the colour of the padding.
   * A table instead of (x - mean) / std, so that every GPU gives the CPU's very bits.
   */
  readonly table: Float32Array;
}

/** A batch of pictures of one table. Array lengths depend on the batch's shape only. */
export interface PackedImages {
  /** int32 [B, {@link slotWords}]: four bytes of a picture a word, lowest first; the rest of a slot is 0. */
  readonly words: Int32Array;
  /** int32 [B, {@link INFO_WORDS}]: height, width, padded height, padded width, flags. */
  readonly info: Int32Array;
  /** float32 [257, 3], see {@link PackedImage}. */
  readonly table: Float32Array;
}

export type ImageBatchShape = readonly [batch: number, height: number, width: number, channels: number];

export const INFO_WORDS = 5;
export const TABLE_ROWS = 257;
export const MIRRORS_COLUMNS = 1;
export const MIRRORS_ROWS = 2;
export const SWAPS_CHANNELS = 4;

/** Words that hold the bytes of a picture as large as the whole batch's. */
export function slotWords([, height, width, channels]: ImageBatchShape): number {
  return Math.ceil((height * width * channels) / 4);
}

/** True when the pictures have the same table, so that {@link packImages} takes them. */
export function haveOneTable(images: readonly PackedImage[]): boolean {
  const table = images[0]?.table;
  return images.every((image) => image.table === table || image.table.every((v, i) => v === table?.[i]));
}

/** Put pictures of one table into slots of one size. @param shape [B, H, W, 3]; no padded picture is larger */
export function packImages(images: readonly PackedImage[], shape: ImageBatchShape): PackedImages {
  const [batch, height, width, channels] = shape;
  invariant(channels === 3 && images.length === batch, `pictures packed as [${shape.join(', ')}]`);
  const slot = slotWords(shape);
  const words = new Int32Array(batch * slot);
  // Typed arrays and WGSL agree on the order of bytes: every platform with WebGPU is little-endian.
  const bytes = new Uint8Array(words.buffer);
  const info = new Int32Array(batch * INFO_WORDS);
  images.forEach((image, b) => {
    const [padHeight, padWidth] = image.padded;
    invariant(
      padHeight <= height && padWidth <= width && image.height <= padHeight && image.width <= padWidth,
      `a picture ${image.height}x${image.width} padded to ${padHeight}x${padWidth} in ${height}x${width}`,
    );
    const { length } = image.bytes;
    invariant(
      length === image.height * image.width * 3,
      `${length} bytes for ${image.height}x${image.width}`,
    );
    bytes.set(image.bytes, b * slot * 4);
    info.set([image.height, image.width, padHeight, padWidth, flagsOf(image)], b * INFO_WORDS);
  });
  return { words, info, table: at(images, 0).table };
}

function flagsOf({ flip, swapsChannels }: PackedImage): number {
  let flags = swapsChannels ? SWAPS_CHANNELS : 0;
  if (flip === 'horizontal' || flip === 'diagonal') flags |= MIRRORS_COLUMNS;
  if (flip === 'vertical' || flip === 'diagonal') flags |= MIRRORS_ROWS;
  return flags;
}
