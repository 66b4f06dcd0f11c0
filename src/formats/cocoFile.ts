// Reads a COCO annotation file into checked records. Source: cocodataset.org format, pycocotools 2.0.

import { DatasetError } from '../errors/trainerError.ts';
import type { CocoAnnotation, CocoCategory, CocoImage } from '../contracts/annotations.ts';
import { parseTolerantJson } from './tolerantJson.ts';

export interface CocoRecord extends CocoAnnotation {
  /** The format's own `ignore`: neither trained nor evaluated on. */
  readonly ignore: boolean;
}

export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly categories: readonly CocoCategory[];
  /** By image id. */
  readonly annotations: ReadonlyMap<number | string, readonly CocoRecord[]>;
}

/**
 * Parse the text of a COCO file. Single bad annotations are left out with one warning; a file that is something
 * else is refused.
 * @throws DatasetError `bad-json`, `not-coco`, `bad-image-entry`, `duplicate-image-id`
 */
export function readCocoFile(text: string, path: string, warn: (message: string) => void): CocoFile {
  const root = parseTolerantJson(text, path);
  if (Array.isArray(root)) {
    throw notCoco(
      path,
      'it is a list',
      'this looks like a COCO results file; ann_file wants the annotations',
    );
  }
  if (!isObject(root)) throw notCoco(path, `it is ${root === null ? 'null' : typeof root}`);
  const images = listOf(root, 'images', path).map((entry, i) => readImage(entry, i, path));
  const categories = listOf(root, 'categories', path).map((entry, i) => readCategory(entry, i, path));
  const byImage = new Map<number | string, CocoRecord[]>();
  for (const image of images) {
    if (byImage.has(image.id)) {
      throw new DatasetError(`${path} must give every picture its own id, but id ${image.id} comes twice`, {
        code: 'duplicate-image-id',
        path,
        hint: `the second one is ${image.file_name}`,
      });
    }
    byImage.set(image.id, []);
  }
  const faults = new Map<string, { count: number; first: string }>();
  const categoryIds = new Set(categories.map((c) => c.id));
  // Files of a test set without ground truth have no annotations.
  const entries = root.annotations === undefined ? [] : listOf(root, 'annotations', path);
  for (const [i, entry] of entries.entries()) {
    const record = readAnnotation(entry, i, categoryIds);
    const list = typeof record === 'string' ? undefined : byImage.get(record.image_id);
    if (typeof record !== 'string' && list) {
      list.push(record);
      continue;
    }
    const what = typeof record === 'string' ? record : 'of a picture that is not listed';
    const fault = faults.get(what) ?? { count: 0, first: `annotations[${i}]` };
    faults.set(what, { ...fault, count: fault.count + 1 });
  }
  for (const [what, { count, first }] of faults) {
    warn(`${path}: ${count} annotation${count === 1 ? '' : 's'} ${what} left out (the first: ${first})`);
  }
  return { images, categories, annotations: byImage };
}

/** @returns the record, or what is wrong with it */
function readAnnotation(
  entry: unknown,
  index: number,
  categoryIds: ReadonlySet<number>,
): CocoRecord | string {
  if (!isObject(entry)) return 'that are no objects';
  const { bbox, area, iscrowd, ignore } = entry;
  const imageId = readId(entry.image_id);
  if (imageId === undefined) return 'without image_id';
  const categoryId = entry.category_id;
  if (typeof categoryId !== 'number' || !categoryIds.has(categoryId)) return 'of an unknown category';
  if (
    !Array.isArray(bbox) ||
    bbox.length !== 4 ||
    !bbox.every((v) => typeof v === 'number' && Number.isFinite(v))
  ) {
    return 'with a bbox that is not four numbers';
  }
  const [x, y, w, h] = bbox as [number, number, number, number];
  return {
    id: typeof entry.id === 'number' ? entry.id : index + 1,
    image_id: imageId,
    category_id: categoryId,
    bbox: [x, y, w, h],
    area: typeof area === 'number' && Number.isFinite(area) ? area : w * h,
    iscrowd: iscrowd ? 1 : 0,
    ignore: Boolean(ignore),
  };
}

function readImage(entry: unknown, index: number, path: string): CocoImage {
  const place = `images[${index}]`;
  if (!isObject(entry)) throw badEntry(path, place, 'be an object', entry);
  const id = readId(entry.id);
  if (id === undefined) throw badEntry(path, place, 'have an id', entry.id);
  const { file_name, width, height } = entry;
  if (typeof file_name !== 'string' || file_name === '')
    throw badEntry(path, place, 'have a file_name', file_name);
  if (!isSize(width) || !isSize(height)) {
    throw badEntry(path, `${place} (${file_name})`, 'have width and height in px', [width, height]);
  }
  return { id, file_name, width, height };
}

function readCategory(entry: unknown, index: number, path: string): CocoCategory {
  const place = `categories[${index}]`;
  if (!isObject(entry)) throw badEntry(path, place, 'be an object', entry);
  const { id, name } = entry;
  if (typeof id !== 'number') throw badEntry(path, place, 'have a numeric id', id);
  if (typeof name !== 'string') throw badEntry(path, place, 'have a name', name);
  return { id, name };
}

/** Ids are numbers or strings; whole numbers that JavaScript can't hold stay exact as strings. */
function readId(id: unknown): number | string | undefined {
  if (typeof id === 'number' || typeof id === 'string') return id;
  return typeof id === 'bigint' ? String(id) : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function listOf(root: Record<string, unknown>, key: string, path: string): unknown[] {
  const list = root[key];
  if (!Array.isArray(list))
    throw notCoco(path, list === undefined ? `it has no "${key}"` : `"${key}" is no list`);
  return list;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notCoco(path: string, reason: string, hint?: string): DatasetError {
  return new DatasetError(
    `${path} must be a COCO file with images, annotations and categories, but ${reason}`,
    {
      code: 'not-coco',
      path,
      hint,
    },
  );
}

function badEntry(path: string, place: string, requirement: string, actual: unknown): DatasetError {
  return new DatasetError(`${path}: ${place} must ${requirement}, but got ${JSON.stringify(actual)}`, {
    code: 'bad-image-entry',
    path,
    hint: 'Import data repairs such files: it reads the sizes from the pictures',
  });
}
