// Small drops for tests: pictures made on the spot, annotations written by hand.

import sharp from 'sharp';
import { bytesSource } from '../serialization/zip/index.ts';
import { fileOf } from './sources.ts';
import type { ImportSource } from './types.ts';

export type Drop = Record<string, Uint8Array | string>;

/** A source out of paths and contents. */
export function memorySource(drop: Drop, name = 'drop'): ImportSource {
  return {
    name,
    async *files() {
      for (const [path, data] of Object.entries(drop))
        yield fileOf(path, bytesSource(typeof data === 'string' ? new TextEncoder().encode(data) : data));
    },
  };
}

/** A picture of one colour; `shade` 0..255 makes two of them differ. @param orientation EXIF, 1..8 */
export async function picture(
  width: number,
  height: number,
  shade = 0,
  orientation = 1,
): Promise<Uint8Array> {
  const plain = sharp({ create: { width, height, channels: 3, background: { r: shade, g: 90, b: 200 } } });
  const file = await plain.jpeg().withMetadata({ orientation }).toBuffer();
  return new Uint8Array(file);
}

/** Text of a COCO file with one class, one picture per name and the given boxes in each. */
export function coco(
  names: readonly string[],
  size: readonly [number, number],
  boxes: readonly unknown[] = [[10, 20, 30, 20]],
): string {
  const images = names.map((file_name, i) => ({ id: i + 1, file_name, width: size[0], height: size[1] }));
  const annotations = images.flatMap(({ id }) =>
    boxes.map((bbox) => ({ image_id: id, category_id: 7, bbox })),
  );
  return JSON.stringify({ images, annotations, categories: [{ id: 7, name: 'cell' }] });
}

/** Text of a VOC file. @param size '' for none */
export function voc(
  filename: string,
  objects: string,
  size = '<size><width>64</width><height>48</height></size>',
): string {
  return `<?xml version="1.0"?><annotation><filename>${filename}</filename>${size}${objects}</annotation>`;
}

export const vocObject = (name: string, [a, b, c, d]: readonly number[]): string =>
  `<object><name>${name}</name><bndbox><xmin>${a}</xmin><ymin>${b}</ymin><xmax>${c}</xmax><ymax>${d}</ymax></bndbox></object>`;
