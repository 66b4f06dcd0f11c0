// Reference of normaliseImages.
import {
  INFO_WORDS,
  MIRRORS_COLUMNS,
  MIRRORS_ROWS,
  SWAPS_CHANNELS,
  slotWords,
  TABLE_ROWS,
  type ImageBatchShape,
  type PackedImages,
} from './packedImages.ts';
import { at, take } from '../../../util/at.ts';

/** Unpack on the CPU. @returns float32, flat [B, H, W, 3], new */
export function normaliseImagesCpu(packed: PackedImages, shape: ImageBatchShape): Float32Array {
  const [batch, outH, outW] = shape;
  const { info, table } = packed;
  const bytes = new Uint8Array(packed.words.buffer, packed.words.byteOffset, packed.words.byteLength);
  const out = new Float32Array(batch * outH * outW * 3);
  const padding = table.subarray((TABLE_ROWS - 1) * 3);
  for (let b = 0; b < batch; b++) {
    const [height, width, padHeight, padWidth, flags] = take(info.subarray(b * INFO_WORDS), 5);
    const swaps = (flags & SWAPS_CHANNELS) !== 0;
    for (let y = 0; y < padHeight; y++) {
      for (let x = 0; x < padWidth; x++) {
        const to = ((b * outH + y) * outW + x) * 3;
        if (y >= height || x >= width) {
          out.set(padding, to);
          continue;
        }
        const row = flags & MIRRORS_ROWS ? height - 1 - y : y;
        const column = flags & MIRRORS_COLUMNS ? width - 1 - x : x;
        const from = b * slotWords(shape) * 4 + (row * width + column) * 3;
        for (let k = 0; k < 3; k++) out[to + k] = at(table, at(bytes, from + (swaps ? 2 - k : k)) * 3 + k);
      }
    }
  }
  return out;
}
