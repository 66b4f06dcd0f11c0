// uint8 pictures to a normalised float32 batch: unpack, flip, swap channels, look up, pad. One dispatch. No gradient:
// pictures are the beginning.
import { invariant } from '../../../errors/index.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { spread } from '../../dispatch/program.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { normaliseProgram } from './op.wgsl.ts';
import { INFO_WORDS, slotWords, TABLE_ROWS, type ImageBatchShape } from './packedImages.ts';

/**
 * Make the batch that a net takes of what `packImages` packed. Values outside a padded picture are 0.
 *
 * @param words int32 [B, slotWords]. @param info int32 [B, INFO_WORDS]. @param table float32 [257, 3]. All borrowed.
 * @param shape [B, H, W, 3].
 * @returns float32 [B, H, W, 3], new.
 */
export function normaliseImages(words: Tensor, info: Tensor, table: Tensor, shape: ImageBatchShape): Tensor {
  const [batch, height, width, channels] = shape;
  const slot = slotWords(shape);
  const isConsistent =
    channels === 3 &&
    words.size === batch * slot &&
    info.size === batch * INFO_WORDS &&
    table.size === TABLE_ROWS * 3;
  invariant(isConsistent, `packed pictures ${words.shape.join()}, ${info.shape.join()} as ${shape.join()}`);
  const out = emptyTensor(shape);
  const pixels = width % 4 === 0 ? 4 : 1;
  const threads = (batch * height * width) / pixels;
  runProgram(normaliseProgram(pixels), {
    reads: [words, info, table],
    writes: [out],
    uniforms: Uint32Array.of(threads, height, width, slot),
    areUniformsStatic: true,
    grid: spread(threads / 64),
  });
  return out;
}
