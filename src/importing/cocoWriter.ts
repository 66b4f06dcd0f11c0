import type { FileSystem } from '../contracts/fileSystem.ts';
import type { CleanImage } from './boxes.ts';
import type { RawDataset } from './types.ts';

const CHUNK_CHARS = 1 << 18;

/**
 * Write a COCO file piece by piece. Image ids are the source's where they are unique, annotation ids count from 1.
 * @param beat called between pieces
 * @param prefix folder that `file_name` is relative to, inside the dataset; '' or ending in '/'
 */
export async function writeCoco(
  fs: FileSystem,
  path: string,
  images: readonly CleanImage[],
  categories: RawDataset['categories'],
  prefix: string,
  beat: () => Promise<void> | undefined,
): Promise<void> {
  const writer = await fs.createWriter(path);
  try {
    const encoder = new TextEncoder();
    let pending = '';
    for (const piece of pieces(images, categories, prefix)) {
      pending += piece;
      if (pending.length < CHUNK_CHARS) continue;
      await writer.write(encoder.encode(pending));
      pending = '';
      await beat();
    }
    await writer.write(encoder.encode(pending));
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close();
}

function* pieces(
  images: readonly CleanImage[],
  categories: RawDataset['categories'],
  prefix: string,
): Generator<string> {
  const ids = imageIds(images);
  yield '{"info":{"description":"repaired by tabtrain"},"licenses":[],"images":[';
  for (const [i, { raw, facts }] of images.entries()) {
    const entry = {
      id: ids[i],
      file_name: raw.file.path.slice(prefix.length),
      width: facts.width,
      height: facts.height,
    };
    yield `${i === 0 ? '' : ','}\n${JSON.stringify(entry)}`;
  }
  yield '],\n"annotations":[';
  let count = 0;
  for (const [i, { boxes }] of images.entries()) {
    for (const box of boxes) {
      const entry = {
        id: ++count,
        image_id: ids[i],
        category_id: categories[box.category]?.id,
        bbox: [box.x, box.y, box.w, box.h],
        area: box.area,
        iscrowd: box.isCrowd ? 1 : 0,
        segmentation: [],
      };
      yield `${count === 1 ? '' : ','}\n${JSON.stringify(entry)}`;
    }
  }
  const named = categories.map(({ id, name }) => ({ id, name, supercategory: 'none' }));
  yield `],\n"categories":${JSON.stringify(named)}}\n`;
}

function imageIds(images: readonly CleanImage[]): number[] {
  const given = images.map((i) => i.raw.id).filter((id) => id !== undefined);
  const isUsable = given.length === images.length && new Set(given).size === given.length;
  return isUsable ? given : images.map((_, i) => i + 1);
}
