// Reads a COCO annotation file into an index. Source: cocodataset.org format, pycocotools 2.0.

import { DatasetError } from '../errors/trainerError.ts';
import { isRecord } from '../util/isRecord.ts';
import type { CocoCategory } from '../contracts/annotations.ts';
import { IS_CROWD, IS_IGNORED, type DatasetIndex, type IndexFinding } from '../contracts/datasetIndex.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { firstOf } from '../util/firstOf.ts';
import { GrowingFloats } from './growing.ts';
import { readJsonArrays, type JsonRoot } from './jsonArrays.ts';

const LISTS = ['images', 'annotations', 'categories'];
/** Stands for a bbox that is not four numbers. */
const BAD_BOX = 4;

/**
 * Read a COCO file piece by piece. Single bad annotations are left out with one finding a kind; a file that is
 * something else is refused.
 * @throws DatasetError `bad-json`, `not-coco`, `bad-image-entry`, `duplicate-image-id`; StorageError `not-found`
 */
export async function readCocoIndex(fs: FileSystem, path: string): Promise<DatasetIndex> {
  const reader = new CocoReader(path);
  const root = await readJsonArrays(fs, path, (key, items, first) => reader.take(key, items, first));
  checkRoot(root, path);
  return reader.finish();
}

/** Annotations may come before pictures and categories: ids are numbered as they come and resolved at the end. */
class CocoReader {
  readonly #path: string;
  readonly #imageIds: (number | string)[] = [];
  readonly #fileNames: string[] = [];
  readonly #sizes = new GrowingFloats();
  readonly #slots = new Map<number | string, number>();
  /** By slot: the picture's index, or -1. */
  readonly #pictures: number[] = [];
  readonly #categories: CocoCategory[] = [];
  readonly #faults = new Map<string, { count: number; readonly first: string }>();
  /** Per annotation that is whole but for what is not known yet: slot of its picture, place in the file, … */
  readonly #columns = {
    slot: new GrowingFloats(),
    place: new GrowingFloats(),
    category: new GrowingFloats(),
    id: new GrowingFloats(),
    area: new GrowingFloats(),
    flags: new GrowingFloats(),
    box: new GrowingFloats(),
  };

  constructor(path: string) {
    this.#path = path;
  }

  take(key: string, items: readonly unknown[], first: number): void {
    for (const [i, item] of items.entries()) {
      if (key === 'images') this.#takeImage(item, first + i);
      else if (key === 'categories') this.#categories.push(readCategory(item, first + i, this.#path));
      else if (key === 'annotations') this.#takeAnnotation(item, first + i);
    }
  }

  finish(): DatasetIndex {
    const { categoryOf, categories, sameNames } = uniteNames(this.#categories);
    const { slot, place, category, id, area, flags, box } = this.#columns;
    const [slots, places, categoryIds, flagValues] = [
      slot.view(),
      place.view(),
      category.view(),
      flags.view(),
    ];
    /** By annotation: its picture's index, or -1 where it is left out. */
    const pictureOf = Int32Array.from(slots, (at, row) => {
      const picture = this.#pictures[at] ?? -1;
      const fault = !categoryOf.has(categoryIds[row] ?? NaN)
        ? 'of an unknown category'
        : ((flagValues[row] ?? 0) & BAD_BOX) !== 0
          ? 'with a bbox that is not four numbers'
          : picture < 0
            ? 'of a picture that is not listed'
            : null;
      if (fault === null) return picture;
      this.#addFault(fault, places[row] ?? 0);
      return -1;
    });
    const { order, boxStarts } = groupRows(pictureOf, this.#imageIds.length);
    const boxes = new Float64Array(order.length * 4);
    const values = box.view();
    for (const [at, row] of order.entries()) boxes.set(values.subarray(row * 4, row * 4 + 4), at * 4);
    const boxIds = numberMissing(gather(id.view(), order));
    return {
      imageIds: this.#imageIds,
      fileNames: this.#fileNames,
      sizes: this.#sizes.view().slice(),
      categories,
      boxStarts,
      boxes,
      areas: gather(area.view(), order),
      boxCategories: Int32Array.from(order, (row) => categoryOf.get(categoryIds[row] ?? NaN) ?? 0),
      boxFlags: Uint8Array.from(order, (row) => flagValues[row] ?? 0),
      boxIds,
      findings: [
        ...this.#faultFindings(),
        ...sameNames.map((text) => this.#sameName(text)),
        ...this.#idFindings(boxIds),
      ],
    };
  }

  #takeImage(entry: unknown, index: number): void {
    const place = `images[${index}]`;
    if (!isRecord(entry)) throw badEntry(this.#path, place, 'be an object', entry);
    const id = readId(entry.id);
    if (id === undefined) throw badEntry(this.#path, place, 'have an id', entry.id);
    const { file_name: name, width, height } = entry;
    if (typeof name !== 'string' || name === '') throw badEntry(this.#path, place, 'have a file_name', name);
    if (!isSize(width) || !isSize(height))
      throw badEntry(this.#path, `${place} (${name})`, 'have width and height in px', [width, height]);
    const slot = this.#slotOf(id);
    if ((this.#pictures[slot] ?? -1) >= 0) {
      throw new DatasetError(`${this.#path} must give every picture its own id, but id ${id} comes twice`, {
        code: 'duplicate-image-id',
        path: this.#path,
        hint: `the second one is ${name}`,
      });
    }
    this.#pictures[slot] = this.#imageIds.length;
    this.#imageIds.push(id);
    this.#fileNames.push(name);
    this.#sizes.push(width);
    this.#sizes.push(height);
  }

  #takeAnnotation(entry: unknown, index: number): void {
    if (!isRecord(entry)) return this.#addFault('that are no objects', index);
    const imageId = readId(entry.image_id);
    if (imageId === undefined) return this.#addFault('without image_id', index);
    const { bbox, area, iscrowd, ignore, category_id: category, id } = entry;
    const box = isBox(bbox) ? bbox : null;
    const columns = this.#columns;
    columns.slot.push(this.#slotOf(imageId));
    columns.place.push(index);
    columns.category.push(typeof category === 'number' ? category : NaN);
    columns.id.push(typeof id === 'number' ? id : NaN);
    for (const value of box ?? [0, 0, 0, 0]) columns.box.push(value);
    const boxArea = box === null ? 0 : box[2] * box[3];
    columns.area.push(typeof area === 'number' && Number.isFinite(area) ? area : boxArea);
    columns.flags.push((iscrowd ? IS_CROWD : 0) | (ignore ? IS_IGNORED : 0) | (box === null ? BAD_BOX : 0));
  }

  #slotOf(id: number | string): number {
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const slot = this.#pictures.length;
    this.#slots.set(id, slot);
    this.#pictures.push(-1);
    return slot;
  }

  #addFault(what: string, index: number): void {
    const fault = this.#faults.get(what) ?? { count: 0, first: `annotations[${index}]` };
    this.#faults.set(what, { ...fault, count: fault.count + 1 });
  }

  #faultFindings(): IndexFinding[] {
    return [...this.#faults].map(([what, { count, first }]) => ({
      code: 'bad-annotations',
      severity: 'warning',
      message: `${this.#path}: ${count} annotation${count === 1 ? '' : 's'} ${what} left out (the first: ${first})`,
    }));
  }

  #sameName({ name, ids }: SameName): IndexFinding {
    return {
      code: 'same-category-name',
      severity: 'warning',
      message: `${this.#path} has ${ids.length} categories named '${name}' (ids ${ids.join(', ')}): they are one class`,
      hint: 'rename them in the file if they are not',
    };
  }

  #idFindings(ids: Float64Array): IndexFinding[] {
    const { repeated, hasZero } = faultyIds(ids);
    const findings: IndexFinding[] = [];
    if (repeated.length > 0) {
      findings.push({
        code: 'repeated-annotation-ids',
        severity: 'error',
        message: repeatedIdMessage(repeated, this.#path),
        hint: 'MMDetection refuses such a file, as COCO evaluation takes the last annotation of an id for all of them; Import data numbers them anew',
      });
    }
    if (hasZero) findings.push(zeroIdFinding(this.#path));
    return findings;
  }
}

/** What COCO's evaluation makes of an annotation whose id is 0. */
export function zeroIdFinding(path: string): IndexFinding {
  return {
    code: 'annotation-id-0',
    severity: 'warning',
    message: `${path} has an annotation with id 0: COCO evaluation never counts it as found, and what finds it counts as a false positive`,
    hint: 'number annotations from 1; Import data does so',
  };
}

export function repeatedIdMessage(ids: readonly number[], path: string): string {
  return `${path} must give every annotation its own id, but ${ids.length} id${ids.length === 1 ? ' comes' : 's come'} more than once: ${firstOf(ids, 5)}`;
}

/** Ids that come more than once, each once, and whether there is a 0. @param ids of all annotations */
export function faultyIds(ids: Float64Array): {
  readonly repeated: readonly number[];
  readonly hasZero: boolean;
} {
  const sorted = ids.slice().sort();
  const repeated: number[] = [];
  let [last, isKnown] = [NaN, false];
  for (const id of sorted) {
    if (id === last && !isKnown) repeated.push(id);
    isKnown = id === last;
    last = id;
  }
  return { repeated, hasZero: ids.includes(0) };
}

interface SameName {
  readonly name: string;
  readonly ids: readonly number[];
}

/** Let categories of one name be one. */
function uniteNames(inFile: readonly CocoCategory[]): {
  /** By id: index into `categories`. */
  readonly categoryOf: ReadonlyMap<number, number>;
  readonly categories: readonly CocoCategory[];
  readonly sameNames: readonly SameName[];
} {
  const places = new Map<string, number>();
  const idsOf = new Map<string, number[]>();
  const categories: CocoCategory[] = [];
  const categoryOf = new Map<number, number>();
  for (const category of inFile) {
    let at = places.get(category.name);
    if (at === undefined) {
      at = categories.push(category) - 1;
      places.set(category.name, at);
    }
    categoryOf.set(category.id, at);
    idsOf.set(category.name, [...(idsOf.get(category.name) ?? []), category.id]);
  }
  const sameNames = [...idsOf].filter(([, ids]) => ids.length > 1).map(([name, ids]) => ({ name, ids }));
  return { categoryOf, categories, sameNames };
}

/** Rows in the order of their pictures, those of one picture in their own. @param pictureOf -1: left out */
function groupRows(pictureOf: Int32Array, pictures: number): { order: Uint32Array; boxStarts: Uint32Array } {
  const boxStarts = new Uint32Array(pictures + 1);
  for (const picture of pictureOf)
    if (picture >= 0) boxStarts[picture + 1] = (boxStarts[picture + 1] ?? 0) + 1;
  for (let i = 1; i <= pictures; i++) boxStarts[i] = (boxStarts[i] ?? 0) + (boxStarts[i - 1] ?? 0);
  const next = boxStarts.slice();
  const order = new Uint32Array(boxStarts[pictures] ?? 0);
  for (const [row, picture] of pictureOf.entries()) {
    if (picture < 0) continue;
    const at = next[picture] ?? 0;
    order[at] = row;
    next[picture] = at + 1;
  }
  return { order, boxStarts };
}

function gather(values: Float64Array, order: Uint32Array): Float64Array {
  return Float64Array.from(order, (row) => values[row] ?? NaN);
}

/** Annotations without an id get those behind the largest. */
function numberMissing(ids: Float64Array): Float64Array {
  let largest = 0;
  for (const id of ids) if (id > largest) largest = id;
  return ids.map((id) => (Number.isNaN(id) ? ++largest : id));
}

function readCategory(entry: unknown, index: number, path: string): CocoCategory {
  const place = `categories[${index}]`;
  if (!isRecord(entry)) throw badEntry(path, place, 'be an object', entry);
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

function isBox(value: unknown): value is [number, number, number, number] {
  return Array.isArray(value) && value.length === 4 && value.every((v) => Number.isFinite(v));
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function checkRoot({ kind, counts, values }: JsonRoot, path: string): void {
  if (kind === 'array') {
    throw notCoco(
      path,
      'it is a list',
      'this looks like a COCO results file; ann_file wants the annotations',
    );
  }
  if (kind === 'other') throw notCoco(path, 'it is no object');
  for (const key of LISTS) {
    if (counts.has(key)) continue;
    if (key in values) throw notCoco(path, `"${key}" is no list`);
    // Files of a test set without ground truth have no annotations.
    if (key !== 'annotations') throw notCoco(path, `it has no "${key}"`);
  }
}

function notCoco(path: string, reason: string, hint?: string): DatasetError {
  return new DatasetError(
    `${path} must be a COCO file with images, annotations and categories, but ${reason}`,
    { code: 'not-coco', path, hint },
  );
}

function badEntry(path: string, place: string, requirement: string, actual: unknown): DatasetError {
  return new DatasetError(`${path}: ${place} must ${requirement}, but got ${JSON.stringify(actual)}`, {
    code: 'bad-image-entry',
    path,
    hint: 'Import data repairs such files: it reads the sizes from the pictures',
  });
}
