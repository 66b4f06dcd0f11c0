// Reads Pascal VOC xml files. Classes have the order of a label map (labelmap.pbtxt) where there is one; others get
// their ids in the order in which they are first seen, going through the files by path (code units), so that the same
// drop always gives the same ids.
// Boxes: VOC counts pixels from 1 and its corners are both inside; x = xmin - 1, y = ymin - 1, w = xmax - xmin,
// h = ymax - ymin, as MMDetection 2.28 `datasets/xml_style.py` reads them.

import { CategoryList, cleanName } from './categories.ts';
import { nearest } from './fileIndex.ts';
import { extension, splitOfFolder, stem } from './paths.ts';
import { readTextOrSkip, reasonOf, type ReadContext } from './readers.ts';
import type { IndexedFile, RawBox, RawDataset, RawImage } from './types.ts';
import { readImageSets } from './vocImageSets.ts';
import { child, parseXml, XmlSyntaxError, type XmlElement } from '../formats/xml.ts';

interface VocFile {
  readonly file: IndexedFile;
  readonly root: XmlElement;
}

const MAX_XML_BYTES = 16 * 2 ** 20;

/** The xml files of a drop that could be VOC annotations; nothing is read. */
export function findVocFiles(context: ReadContext): IndexedFile[] {
  return context.index.files.filter((f) => extension(f.path) === 'xml');
}

/** Read all VOC files. Broken ones are skipped by name, together with their pictures. */
export async function readVoc(files: readonly IndexedFile[], context: ReadContext): Promise<RawDataset> {
  const { findings } = context;
  const categories = await readLabelMap(context);
  const byPath = new Map<string, { image: RawImage; keys: Set<string> }>();
  const splitOf = await readImageSets(files, context);
  for (const file of files) {
    const voc = await readOne(file, context);
    const picture = voc && findPicture(voc, context);
    if (!voc || !picture) continue;
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
    const size = child(voc.root, 'size');
    const image = known?.image ?? {
      file: picture,
      split,
      width: sizeOf(size, 'width'),
      height: sizeOf(size, 'height'),
      boxes: [],
    };
    const keys = known?.keys ?? new Set<string>();
    byPath.set(picture.path, { image, keys });
    for (const object of voc.root.children.filter((c) => c.tag === 'object')) {
      const box = readObject(object, file.path, categories, context);
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

/** Classes in the order of TensorFlow's label map: `item { id: 1 name: 'cell' }`. */
async function readLabelMap(context: ReadContext): Promise<CategoryList> {
  const categories = new CategoryList();
  const file = context.index.files.find((f) => extension(f.path) === 'pbtxt');
  const text = file && (await readTextOrSkip(file, context));
  const items = [...(text ?? '').matchAll(/item\s*\{([^}]*)\}/g)].flatMap(([, body = '']) => {
    const id = /\bid\s*:\s*(\d+)/.exec(body)?.[1];
    const name = /\bname\s*:\s*(?:"([^"]*)"|'([^']*)')/.exec(body);
    return id === undefined || !name ? [] : [{ id: Number(id), name: cleanName(name[1] ?? name[2] ?? '') }];
  });
  for (const { name } of items.sort((a, b) => a.id - b.id)) categories.add(name);
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
    const root = parseXml(text);
    if (root.tag === 'annotation') return { file, root };
    findings.note('other-xml', file.path, `${file.path} is no VOC annotation: its root is <${root.tag}>`);
  } catch (error) {
    if (!(error instanceof XmlSyntaxError)) throw error;
    findings.skip('bad-xml', file.path, `${file.path} is not valid XML: ${reasonOf(error)}`);
  }
  return undefined;
}

/** By the xml file's own name, as MMDetection does; by `<filename>` where that finds nothing or several. */
function findPicture({ file, root }: VocFile, context: ReadContext): IndexedFile | undefined {
  const { findings, index } = context;
  const written = child(root, 'filename')?.text ?? '';
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

function sizeOf(size: XmlElement | undefined, tag: string): number | undefined {
  const value = numberIn(size, tag);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function readObject(
  object: XmlElement,
  file: string,
  categories: CategoryList,
  context: ReadContext,
): RawBox | undefined {
  const name = cleanName(child(object, 'name')?.text ?? '');
  const rotated = child(object, 'robndbox');
  const bounds = child(object, 'bndbox');
  if (name !== '' && !bounds && rotated) return readRotated(rotated, name, file, categories, context);
  if (name === '' || !bounds) {
    const lack = name === '' ? '<name>' : '<bndbox>';
    context.findings.warn('bad-box', file, `${file}: an object without ${lack} was dropped`);
    return undefined;
  }
  const [xmin = NaN, ymin = NaN, xmax = NaN, ymax = NaN] = ['xmin', 'ymin', 'xmax', 'ymax'].map((tag) =>
    numberIn(bounds, tag),
  );
  if (![xmin, ymin, xmax, ymax].every(Number.isFinite)) {
    context.findings.warn(
      'bad-box',
      file,
      `${file}: a box of class ${name} has a corner that is no number; dropped`,
    );
    return undefined;
  }
  return {
    category: categories.add(name),
    bbox: [xmin - 1, ymin - 1, xmax - xmin, ymax - ymin],
    // MMDetection's converter and its training treat `difficult` as boxes to be ignored, which is COCO's iscrowd.
    isCrowd: numberIn(object, 'difficult') === 1,
  };
}

/** roLabelImg's box: centre, width and height in px, angle in radians. Its upright bounds are taken. */
function readRotated(
  box: XmlElement,
  name: string,
  file: string,
  categories: CategoryList,
  { findings }: ReadContext,
): RawBox | undefined {
  const [cx = NaN, cy = NaN, w = NaN, h = NaN, angle = NaN] = ['cx', 'cy', 'w', 'h', 'angle'].map((tag) =>
    numberIn(box, tag),
  );
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

function numberIn(element: XmlElement | undefined, tag: string): number {
  const text = child(element, tag)?.text ?? '';
  return text === '' ? NaN : Number(text);
}
