// Reads Pascal VOC xml files. Classes have the order of a label map (labelmap.pbtxt) where there is one; others get
// their ids in the order in which they are first seen, going through the files by path (code units), so that the same
// drop always gives the same ids.
// Boxes: x = xmin - 1, y = ymin - 1, w = xmax - xmin, h = ymax - ymin, as MMDetection 2.28 `datasets/xml_style.py`.

import { readLabelMap } from '../formats/labelMap.ts';
import {
  OtherXmlError,
  readVocXml,
  VOC_FIRST_PIXEL,
  type VocAnnotation,
  type VocObject,
  type VocRotatedBox,
} from '../formats/vocXml.ts';
import { XmlSyntaxError } from '../formats/xml.ts';
import { CategoryList, cleanName } from './categories.ts';
import { nearest } from './fileIndex.ts';
import { extension, splitOfFolder, stem } from './paths.ts';
import { readTextOrSkip, reasonOf, type ReadContext } from './readers.ts';
import type { IndexedFile, RawBox, RawDataset, RawImage } from './types.ts';
import { readImageSets } from './vocImageSets.ts';

interface VocFile {
  readonly file: IndexedFile;
  readonly voc: VocAnnotation;
}

const MAX_XML_BYTES = 16 * 2 ** 20;

/** The xml files of a drop that could be VOC annotations; nothing is read. */
export function findVocFiles(context: ReadContext): IndexedFile[] {
  return context.index.files.filter((f) => extension(f.path) === 'xml');
}

/** Read all VOC files. Broken ones are skipped by name, together with their pictures. */
export async function readVoc(files: readonly IndexedFile[], context: ReadContext): Promise<RawDataset> {
  const { findings } = context;
  const categories = await labelMapCategories(context);
  const byPath = new Map<string, { image: RawImage; keys: Set<string> }>();
  const splitOf = await readImageSets(files, context);
  for (const file of files) {
    const found = await readOne(file, context);
    const picture = found && findPicture(found, context);
    if (!found || !picture) continue;
    const { voc } = found;
    const split = splitOf ? splitOf(stem(file.path)) : splitOfFolder(picture.path);
    if (splitOf && split === undefined) {
      findings.note(
        'not-in-imagesets',
        picture.path,
        `${picture.path} is in no list of ImageSets/Main; left out`,
      );
      continue;
    }
    const known = byPath.get(picture.path);
    if (known)
      findings.warn(
        'listed-twice',
        picture.path,
        `${picture.path} has a second annotation file, ${file.path}; joined, equal boxes kept once`,
      );
    const { width, height } = voc;
    const image = known?.image ?? { file: picture, split, width, height, boxes: [] };
    const keys = known?.keys ?? new Set<string>();
    byPath.set(picture.path, { image, keys });
    for (const object of voc.objects) {
      const box = boxOf(object, file.path, categories, context);
      if (!box) continue;
      const key = JSON.stringify([box.category, box.bbox]);
      // Only a second file is compared: equal boxes inside one file are the annotator's business.
      if (known && keys.has(key)) continue;
      keys.add(key);
      image.boxes.push(box);
    }
  }
  return {
    format: 'voc',
    boxUnit: 'px',
    categories: categories.items,
    images: [...byPath.values()].map((v) => v.image),
  };
}

/** The classes of a label map, where there is one. */
async function labelMapCategories(context: ReadContext): Promise<CategoryList> {
  const categories = new CategoryList();
  const file = context.index.files.find((f) => extension(f.path) === 'pbtxt');
  const text = file && (await readTextOrSkip(file, context));
  for (const name of readLabelMap(text ?? '')) categories.add(cleanName(name));
  return categories;
}

async function readOne(file: IndexedFile, context: ReadContext): Promise<VocFile | undefined> {
  const { findings } = context;
  if (file.source.size > MAX_XML_BYTES) {
    findings.skip('bad-xml', file.path, `${file.path} is too large for a VOC annotation`);
    return undefined;
  }
  try {
    const text = await readTextOrSkip(file, context);
    if (text === undefined) return undefined;
    return { file, voc: readVocXml(text) };
  } catch (error) {
    if (error instanceof OtherXmlError)
      findings.note('other-xml', file.path, `${file.path} is no VOC annotation: its root is <${error.root}>`);
    else if (error instanceof XmlSyntaxError)
      findings.skip('bad-xml', file.path, `${file.path} is not valid XML: ${reasonOf(error)}`);
    else throw error;
  }
  return undefined;
}

/** By the xml file's own name, as MMDetection does; by `<filename>` where that finds nothing or several. */
function findPicture({ file, voc }: VocFile, context: ReadContext): IndexedFile | undefined {
  const { findings, index } = context;
  const written = voc.filename;
  const sameStem = nearest(index.picturesByStem(stem(file.path)), file.path);
  if (sameStem.length === 1) return sameStem[0];
  const match = written === '' ? undefined : index.find(written, file.path);
  if (match && 'file' in match) {
    if (match.kind === 'case')
      findings.warn('name-case', written, `${written} was matched with ${match.file.path}, ignoring case`);
    return match.file;
  }
  const candidates = [...sameStem, ...(match?.candidates ?? [])];
  const name = written || file.path;
  if (candidates.length === 0)
    findings.warn('image-not-found', name, `picture not found: ${name} (of ${file.path})`);
  else
    findings.skip(
      'ambiguous-image',
      file.path,
      `${file.path} could belong to ${candidates.map((f) => f.path).join(' or ')}`,
    );
  return undefined;
}

function boxOf(
  object: VocObject,
  file: string,
  categories: CategoryList,
  context: ReadContext,
): RawBox | undefined {
  const name = cleanName(object.name);
  const { bounds, rotated, isDifficult } = object;
  if (name !== '' && !bounds && rotated) return boxAround(rotated, name, file, categories, context);
  if (name === '' || !bounds) {
    const lack = name === '' ? '<name>' : '<bndbox>';
    context.findings.warn('bad-box', file, `${file}: an object without ${lack} was dropped`);
    return undefined;
  }
  if (!bounds.every(Number.isFinite)) {
    context.findings.warn(
      'bad-box',
      file,
      `${file}: a box of class ${name} has a corner that is no number; dropped`,
    );
    return undefined;
  }
  const [xmin, ymin, xmax, ymax] = bounds;
  return {
    category: categories.add(name),
    bbox: [xmin - VOC_FIRST_PIXEL, ymin - VOC_FIRST_PIXEL, xmax - xmin, ymax - ymin],
    // MMDetection's converter and its training treat `difficult` as boxes to be ignored, which is COCO's iscrowd.
    isCrowd: isDifficult,
  };
}

/** The upright bounds of a rotated box. */
function boxAround(
  { cx, cy, w, h, angle }: VocRotatedBox,
  name: string,
  file: string,
  categories: CategoryList,
  { findings }: ReadContext,
): RawBox | undefined {
  if (![cx, cy, w, h, angle].every(Number.isFinite)) {
    findings.warn('bad-box', file, `${file}: a rotated box of class ${name} lacks a number; dropped`);
    return undefined;
  }
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  const [width, height] = [w * cos + h * sin, w * sin + h * cos];
  findings.warn('rotated-box', file, `${file}: a rotated box was replaced by its upright bounds`);
  const bbox = [cx - width / 2, cy - height / 2, width, height] as const;
  return { category: categories.add(name), bbox, isCrowd: false };
}
