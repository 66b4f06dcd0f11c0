// What an import keeps of a COCO file while it is read: entries as they are written, without the long polygons.

import { GrowingFloats } from './growing.ts';
import { isRecord } from '../util/isRecord.ts';

/** An entry of "annotations", unchecked. */
export interface CocoEntry {
  readonly image_id: unknown;
  readonly category_id: unknown;
  /** Four numbers where the file has them or a polygon in their place; else what stands there. */
  readonly bbox: unknown;
  readonly isFromPolygon: boolean;
  readonly area: unknown;
  readonly iscrowd: unknown;
}

const [CROWD, FROM_POLYGON] = [1, 2];

/** The entries of "annotations" as columns: 80 bytes each, whatever polygons they had. */
export class AnnotationTable {
  readonly #imageIds: unknown[] = [];
  readonly #categoryIds: unknown[] = [];
  readonly #boxes = new GrowingFloats();
  readonly #areas = new GrowingFloats();
  readonly #flags = new GrowingFloats();
  /** By row: a bbox that isn't four numbers. */
  readonly #oddBoxes = new Map<number, unknown>();

  get length(): number {
    return this.#imageIds.length;
  }

  push(entry: unknown): void {
    const record = isRecord(entry) ? entry : {};
    const bounds = record.bbox === undefined ? boundsOf(record.segmentation) : undefined;
    const bbox = bounds ?? record.bbox;
    const isPlain = isFour(bbox);
    if (!isPlain) this.#oddBoxes.set(this.length, bbox);
    for (const value of isPlain ? bbox : [NaN, NaN, NaN, NaN]) this.#boxes.push(value);
    this.#imageIds.push(record.image_id);
    this.#categoryIds.push(record.category_id);
    this.#areas.push(typeof record.area === 'number' ? record.area : NaN);
    const isCrowd = record.iscrowd === 1 || record.iscrowd === true;
    this.#flags.push((isCrowd ? CROWD : 0) | (bounds ? FROM_POLYGON : 0));
  }

  /** In the order of the file. */
  *rows(): Generator<CocoEntry> {
    const boxes = this.#boxes.view();
    const areas = this.#areas.view();
    const flags = this.#flags.view();
    for (const [i, imageId] of this.#imageIds.entries()) {
      const flag = flags[i] ?? 0;
      yield {
        image_id: imageId,
        category_id: this.#categoryIds[i],
        bbox: this.#oddBoxes.has(i) ? this.#oddBoxes.get(i) : [...boxes.subarray(i * 4, i * 4 + 4)],
        isFromPolygon: (flag & FROM_POLYGON) !== 0,
        area: areas[i],
        iscrowd: flag & CROWD,
      };
    }
  }
}

/** Upright bounds of COCO polygons, [[x1, y1, x2, y2, …], …]: x, y, width, height. */
function boundsOf(segmentation: unknown): readonly number[] | undefined {
  if (!Array.isArray(segmentation)) return undefined;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polygon of segmentation as unknown[]) {
    if (!Array.isArray(polygon)) return undefined;
    for (const [i, value] of (polygon as unknown[]).entries()) {
      if (typeof value !== 'number') return undefined;
      if (i % 2 === 0) [left, right] = [Math.min(left, value), Math.max(right, value)];
      else [top, bottom] = [Math.min(top, value), Math.max(bottom, value)];
    }
  }
  return right >= left && bottom >= top ? [left, top, right - left, bottom - top] : undefined;
}

function isFour(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length === 4 && value.every((v) => typeof v === 'number');
}
