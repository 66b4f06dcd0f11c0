// Joins the COCO files of a drop into one dataset: what they say about which picture.

import { DatasetError } from '../errors/index.ts';
import { isRecord } from '../util/isRecord.ts';
import { CategoryList, cleanName } from './categories.ts';
import type { CocoFile } from './cocoSearch.ts';
import { readAnnotations, readOwnId, type CocoImages } from './cocoRecords.ts';
import { baseName, splitOfFolder, splitOfPath } from './paths.ts';
import { reasonOf, type ReadContext } from './readers.ts';
import type { IndexedFile, RawDataset, RawImage } from './types.ts';

/** Join the COCO files of a drop into one dataset. Of several files about the same pictures one is used. */
export async function readCoco(files: readonly CocoFile[], context: ReadContext): Promise<RawDataset> {
  const categories = new CategoryList();
  const images: RawImage[] = [];
  const takenBy = new Map<string, CocoFile>();
  // `instances_*` first: COCO's own archive also has keypoints and captions of the same pictures.
  const rank = (f: CocoFile): string =>
    `${baseName(f.file.path).startsWith('instances') ? 0 : 1}${f.file.path}`;
  const failures: DatasetError[] = [];
  for (const coco of [...files].sort((x, y) => (rank(x) < rank(y) ? -1 : 1))) {
    const records = await attempt(() => resolveImages(coco, context), failures);
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
    const map = await attempt(() => categoryMap(coco, categories, context), failures);
    if (!map) continue;
    await readAnnotations(coco.annotations, records, map, coco.file.path, context);
    const taken = new Set(found.filter((r) => !takenBy.has(r.file.path)));
    for (const record of taken) takenBy.set(record.file.path, coco);
    for (const image of taken) images.push(image);
  }
  if (failures.length === files.length) throw failures[0];
  for (const error of failures) context.findings.skip(error.code, error.path ?? '', error.message);
  return { format: 'coco', boxUnit: 'px', categories: categories.items, images };
}

/** Run a step that may refuse one file of several. */
async function attempt<T>(step: () => T | Promise<T>, failures: DatasetError[]): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof DatasetError) || error.code === 'import-cancelled') throw error;
    failures.push(error);
    return undefined;
  }
}

/** Find the file of each entry of "images". Entries that can't be used are null, so that their boxes are known. */
async function resolveImages(coco: CocoFile, context: ReadContext): Promise<CocoImages> {
  const { findings } = context;
  const listed = coco.file.path;
  const byKey = new Map<string, RawImage | null>();
  const names = new Map<string, string>();
  const byPath = new Map<string, { image: RawImage; key: string; reference: string }>();
  const aliases = new Map<string, string>();
  for (const entry of coco.images) {
    await context.beat();
    const reference = isRecord(entry) && typeof entry.file_name === 'string' ? entry.file_name : undefined;
    if (!isRecord(entry) || reference === undefined || reference.trim() === '') {
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
    const key = isRecord(entry) ? readOwnId(entry.id, 'category id', coco.file.path) : undefined;
    if (!isRecord(entry) || key === undefined) {
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
      const own = isFree ? id : Math.max(0, ...usedIds) + 1;
      categories.add(name, own);
      usedIds.add(own);
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
