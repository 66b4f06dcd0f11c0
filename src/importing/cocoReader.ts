// Reads COCO annotation files: which of the json files are some, and what they say about which picture.

import { DatasetError } from '../errors/index.ts';
import { CategoryList, cleanName } from './categories.ts';
import { isPlainObject, readAnnotations, readOwnId, type CocoImages } from './cocoRecords.ts';
import { baseName, extension, splitOfFolder, splitOfPath } from './paths.ts';
import { readText, reasonOf, type ReadContext } from './readers.ts';
import { parseTolerantJson } from '../formats/tolerantJson.ts';
import type { IndexedFile, RawDataset, RawImage, SplitName } from './types.ts';

interface CocoFile {
  readonly file: IndexedFile;
  readonly split: SplitName | undefined;
  readonly images: readonly unknown[];
  readonly annotations: readonly unknown[];
  readonly categories: readonly unknown[];
}

/** The COCO files of a drop; when there are none, why each json file is not one. */
export interface CocoSearch {
  readonly files: readonly CocoFile[];
  readonly refusals: readonly DatasetError[];
}

/** Parse every json file and keep those that are COCO annotations. */
export async function findCocoFiles(context: ReadContext): Promise<CocoSearch> {
  const files: CocoFile[] = [];
  const refusals: DatasetError[] = [];
  for (const file of context.index.files.filter((f) => extension(f.path) === 'json')) {
    try {
      files.push(asCoco(parseTolerantJson(await readText(file, context), file.path), file));
    } catch (error) {
      if (!(error instanceof DatasetError) || error.code === 'import-cancelled') throw error;
      refusals.push(error);
    }
  }
  return { files, refusals };
}

function asCoco(value: unknown, file: IndexedFile): CocoFile {
  const refuse = (message: string, hint: string): DatasetError =>
    new DatasetError(`${file.path} ${message}`, { code: 'not-coco', path: file.path, hint });
  if (Array.isArray(value)) {
    const first: unknown = value[0];
    const isResults = isPlainObject(first) && 'image_id' in first;
    throw refuse(
      isResults
        ? 'looks like a COCO results list (predictions), not a dataset'
        : 'is not a COCO file: its top level is a list, not an object with "images" and "annotations"',
      'import the annotation file that belongs to the pictures, such as instances_train.json',
    );
  }
  if (!isPlainObject(value))
    throw refuse('is not a COCO file: its top level is no object', 'is it the right file?');
  const missing = ['images', 'annotations'].filter((key) => !Array.isArray(value[key]));
  if (missing.length > 0) {
    const others = 'shapes' in value ? '; it looks like a labelme file' : '';
    throw refuse(
      `is not a COCO file: no ${missing.map((k) => `"${k}"`).join(' and no ')}${others}`,
      'a COCO file has "images", "annotations" and "categories"; Pascal VOC xml and YOLO txt are read as well',
    );
  }
  if (!Array.isArray(value.categories) || value.categories.length === 0)
    throw refuse(
      'has no "categories": the class names are missing',
      'add "categories": [{"id": 1, "name": "…"}, …] with the ids that the annotations use',
    );
  return {
    file,
    split: splitOfPath(file.path),
    images: value.images as unknown[],
    annotations: value.annotations as unknown[],
    categories: value.categories,
  };
}

/** Join the COCO files of a drop into one dataset. Of several files about the same pictures one is used. */
export function readCoco(files: readonly CocoFile[], context: ReadContext): RawDataset {
  const categories = new CategoryList();
  const images: RawImage[] = [];
  const takenBy = new Map<string, CocoFile>();
  // `instances_*` first: COCO's own archive also has keypoints and captions of the same pictures.
  const rank = (f: CocoFile): string =>
    `${baseName(f.file.path).startsWith('instances') ? 0 : 1}${f.file.path}`;
  const failures: DatasetError[] = [];
  for (const coco of [...files].sort((x, y) => (rank(x) < rank(y) ? -1 : 1))) {
    const records = attempt(() => resolveImages(coco, context), failures);
    if (!records) continue;
    const found = [...records.byKey.values()].filter((r) => r !== null);
    const repeated = found.filter((r) => takenBy.has(r.file.path));
    const first = repeated[0] && takenBy.get(repeated[0].file.path);
    if (first && repeated.length * 2 > found.length) {
      context.findings.warn(
        'second-annotation-file',
        coco.file.path,
        `${coco.file.path} describes the same pictures as ${first.file.path} and is not used`,
      );
      continue;
    }
    for (const record of repeated)
      context.findings.warn(
        'listed-twice',
        record.file.path,
        `${record.file.path} is listed in ${coco.file.path} and in ${takenBy.get(record.file.path)?.file.path}; the former is not used`,
      );
    const map = attempt(() => categoryMap(coco, categories, context), failures);
    if (!map) continue;
    readAnnotations(coco.annotations, records, map, coco.file.path, context);
    const taken = new Set(found.filter((r) => !takenBy.has(r.file.path)));
    for (const record of taken) takenBy.set(record.file.path, coco);
    images.push(...taken);
  }
  if (failures.length === files.length) throw failures[0];
  for (const error of failures) context.findings.skip(error.code, error.path ?? '', error.message);
  return { format: 'coco', boxUnit: 'px', categories: categories.items, images };
}

/** Run a step that may refuse one file of several. */
function attempt<T>(step: () => T, failures: DatasetError[]): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    failures.push(error);
    return undefined;
  }
}

/** Find the file of each entry of "images". Entries that can't be used are null, so that their boxes are known. */
function resolveImages(coco: CocoFile, context: ReadContext): CocoImages {
  const { findings } = context;
  const listed = coco.file.path;
  const byKey = new Map<string, RawImage | null>();
  const names = new Map<string, string>();
  const byPath = new Map<string, { image: RawImage; key: string; reference: string }>();
  const aliases = new Map<string, string>();
  for (const entry of coco.images) {
    const reference =
      isPlainObject(entry) && typeof entry.file_name === 'string' ? entry.file_name : undefined;
    if (!isPlainObject(entry) || reference === undefined || reference.trim() === '') {
      findings.skip('bad-image-entry', listed, `an entry of "images" in ${listed} has no "file_name"`);
      continue;
    }
    const key = readOwnId(entry.id, `id of ${reference}`, listed);
    if (key === undefined) {
      findings.skip('bad-image-entry', reference, `${reference} has no "id" in ${listed}`);
      continue;
    }
    const before = names.get(key);
    if (before !== undefined && before !== reference) {
      byKey.set(key, null);
      for (const name of [before, reference])
        findings.skip('same-id', name, `${before} and ${reference} have the same id ${key} in ${listed}`);
      continue;
    }
    if (before !== undefined) {
      findings.warn(
        'listed-twice',
        reference,
        `${reference} is listed twice with id ${key}; one entry is used`,
      );
      continue;
    }
    names.set(key, reference);
    const file = findPicture(reference, coco, context);
    const known = file && byPath.get(file.path);
    if (known && known.reference !== reference && baseName(reference) === baseName(known.reference)) {
      byKey.set(key, null);
      findings.skip(
        'ambiguous-image',
        reference,
        `${reference} fits only ${file.path}, which is ${known.reference}`,
      );
    } else if (known) {
      aliases.set(key, known.key);
      findings.warn(
        'listed-twice',
        reference,
        `${reference} is listed under the ids ${known.key} and ${key}; they are joined, equal boxes kept once`,
      );
    } else {
      const image = file
        ? { ...sizeAndId(entry), file, split: coco.split ?? splitOfFolder(file.path), boxes: [] }
        : null;
      byKey.set(key, image);
      if (image) byPath.set(image.file.path, { image, key, reference });
    }
  }
  return { byKey, aliases };
}

function sizeAndId(entry: Record<string, unknown>): Pick<RawImage, 'id' | 'width' | 'height'> {
  const size = (value: unknown): number | undefined => {
    const n = typeof value === 'string' ? Number(value) : value;
    return typeof n === 'number' && Number.isFinite(n) && n > 0 ? n : undefined;
  };
  const id = typeof entry.id === 'number' && Number.isSafeInteger(entry.id) ? entry.id : undefined;
  return { id, width: size(entry.width), height: size(entry.height) };
}

function findPicture(reference: string, coco: CocoFile, context: ReadContext): IndexedFile | undefined {
  const { findings, index } = context;
  const match = index.find(reference, coco.file.path);
  if ('candidates' in match) {
    const bySplit = match.candidates.filter((f) => splitOfPath(f.path) === coco.split);
    if (bySplit.length === 1) return bySplit[0];
    if (match.candidates.length === 0)
      findings.warn(
        'image-not-found',
        reference,
        `listed image not found: ${reference} (in ${coco.file.path})`,
      );
    else
      findings.skip(
        'ambiguous-image',
        reference,
        `${reference} could be ${match.candidates.map((f) => f.path).join(' or ')}`,
      );
    return undefined;
  }
  if (match.kind === 'case')
    findings.warn('name-case', reference, `${reference} was matched with ${match.file.path}, ignoring case`);
  if (match.kind === 'extension')
    findings.warn('name-extension', reference, `${reference} is missing; ${match.file.path} is used for it`);
  return match.file;
}

/** Map a file's category ids to indices into the joint list. */
function categoryMap(coco: CocoFile, categories: CategoryList, context: ReadContext): Map<string, number> {
  const map = new Map<string, number>();
  const usedIds = new Set(categories.items.map((c) => c.id));
  for (const entry of coco.categories) {
    const key = isPlainObject(entry) ? readOwnId(entry.id, 'category id', coco.file.path) : undefined;
    if (!isPlainObject(entry) || key === undefined) {
      context.findings.warn('bad-category', coco.file.path, `a category in ${coco.file.path} has no "id"`);
      continue;
    }
    const written =
      typeof entry.name === 'string' || typeof entry.name === 'number' ? String(entry.name) : '';
    const name = cleanName(written) || `class ${key}`;
    if (cleanName(written) === '')
      context.findings.warn('bad-category', key, `category ${key} has no name; it is called "${name}"`);
    if (map.has(key)) {
      context.findings.warn('bad-category', key, `category id ${key} is used twice; "${name}" is left out`);
      continue;
    }
    if (categories.indexOf(name) === undefined) {
      const id = Number(key);
      const isFree = Number.isSafeInteger(id) && id >= 0 && !usedIds.has(id);
      categories.add(name, isFree ? id : Math.max(0, ...usedIds) + 1);
      usedIds.add(categories.items[categories.items.length - 1].id);
    } else if ([...map.values()].includes(categories.indexOf(name) ?? -1)) {
      context.findings.warn('bad-category', name, `two categories are called "${name}"; they are joined`);
    }
    map.set(key, categories.add(name));
  }
  return map;
}

/** Tell that json files were passed over because the dataset is read from others. */
export function noteRefusals(refusals: readonly DatasetError[], context: ReadContext): void {
  for (const error of refusals) {
    if (error.code === 'not-coco') context.findings.note('other-json', error.path ?? '', reasonOf(error));
    else context.findings.skip(error.code, error.path ?? '', reasonOf(error));
  }
}
