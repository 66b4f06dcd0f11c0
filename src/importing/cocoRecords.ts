// The entries of "annotations" in a COCO file.

import { DatasetError } from '../errors/index.ts';
import type { AnnotationTable, CocoEntry } from '../formats/cocoTable.ts';
import type { ReadContext } from './readers.ts';
import type { RawBox, RawImage } from './types.ts';

export interface CocoImages {
  /** By id as text; null when the entry is known but its picture can't be used. */
  readonly byKey: ReadonlyMap<string, RawImage | null>;
  /** Second ids of a picture that is listed twice. */
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * An id as a key that compares exactly: 1, 1.0 and "1" are the same.
 * @returns undefined when there is none
 */
export function readId(value: unknown): string | undefined {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value)))
    return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/**
 * The id of a picture or a class, which everything else refers to. See {@link readId}.
 * @throws DatasetError `id-too-large` beyond 2^53, where two ids can become one in every JavaScript program
 */
export function readOwnId(value: unknown, what: string, file: string): string | undefined {
  const isTooLarge =
    typeof value === 'bigint' ||
    (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value));
  if (isTooLarge)
    throw new DatasetError(
      `${file}: ${what} must be at most 9007199254740991 (2^53 - 1) to be told apart from its neighbours, got ${value}`,
      { code: 'id-too-large', path: file, hint: 'number the images again, from 1' },
    );
  return readId(value);
}

/** Put each annotation's box onto its image. What can't be placed is dropped with a warning. */
export async function readAnnotations(
  annotations: AnnotationTable,
  images: CocoImages,
  categories: ReadonlyMap<string, number>,
  file: string,
  context: ReadContext,
): Promise<void> {
  const { findings } = context;
  const joined = new Set(images.aliases.values());
  const seen = new Map<RawImage, Set<string>>();
  for (const entry of annotations.rows()) {
    await context.beat();
    const imageKey = readId(entry.image_id);
    if (imageKey === undefined) {
      findings.warn('unknown-image', file, `an annotation without "image_id" in ${file} was dropped`);
      continue;
    }
    const key = images.aliases.get(imageKey) ?? imageKey;
    const image = images.byKey.get(key);
    if (image === undefined)
      findings.warn(
        'unknown-image',
        `image_id ${imageKey}`,
        `annotation of unknown image ${imageKey} was dropped`,
      );
    if (!image) continue;
    const box = readBox(entry, image.file.path, categories, context);
    if (!box) continue;
    if (joined.has(key)) {
      const boxes = seen.get(image) ?? new Set();
      seen.set(image, boxes);
      const text = JSON.stringify([box.category, box.bbox]);
      if (boxes.has(text)) continue;
      boxes.add(text);
    }
    image.boxes.push(box);
  }
}

function readBox(
  entry: CocoEntry,
  image: string,
  categories: ReadonlyMap<string, number>,
  context: ReadContext,
): RawBox | undefined {
  const { findings } = context;
  const categoryKey = readId(entry.category_id);
  const category = categoryKey === undefined ? undefined : categories.get(categoryKey);
  if (category === undefined) {
    const shown = categoryKey ?? 'missing';
    findings.warn(
      'unknown-category',
      image,
      `${image}: a box with category_id ${shown}, which "categories" lacks, was dropped`,
    );
    return undefined;
  }
  const { bbox: given, isFromPolygon } = entry;
  if (!Array.isArray(given) || given.length !== 4) {
    const shown = Array.isArray(given) ? `${given.length} numbers` : String(given);
    findings.warn('bad-box', image, `${image}: a "bbox" must be 4 numbers, got ${shown}; dropped`);
    return undefined;
  }
  const isText = given.some((v) => typeof v === 'string');
  const [x = NaN, y = NaN, a = NaN, b = NaN] = given.map(toNumber);
  if (isText && [x, y, a, b].every(Number.isFinite))
    findings.warn('text-number', image, `${image}: a "bbox" is written as text; it was converted`);
  if (isFromPolygon)
    findings.warn('polygon', image, `${image}: a polygon without "bbox" was replaced by its bounding box`);
  const bbox =
    context.bboxFormat === 'xyxy' && !isFromPolygon
      ? ([x, y, a - x, b - y] as const)
      : ([x, y, a, b] as const);
  const area =
    typeof entry.area === 'number' && entry.area > 0 && Number.isFinite(entry.area) ? entry.area : undefined;
  return { category, bbox, area, isCrowd: entry.iscrowd === 1 || entry.iscrowd === true };
}

/** NaN for everything that is no number; `Number('')` and `Number(null)` would be 0. */
function toNumber(value: unknown): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
}
