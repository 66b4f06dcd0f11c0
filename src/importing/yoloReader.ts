// Reads YOLO datasets: a text file of boxes for each picture, beside it or in a parallel `labels` folder.

import { parseYoloLabels, type YoloBox } from '../formats/yoloLabels.ts';
import { CategoryList } from './categories.ts';
import { nearest } from './fileIndex.ts';
import { baseName, dirName, extension, isPicturePath, splitOfFolder, stem } from './paths.ts';
import { readTextOrSkip, type ReadContext } from './readers.ts';
import type { IndexedFile, RawBox, RawDataset, RawImage } from './types.ts';
import { isNamesFile, readYoloConfig } from './yoloConfig.ts';

/** The pictures of a drop with the label files that fit them. */
export interface YoloPairs {
  readonly labelOf: ReadonlyMap<IndexedFile, IndexedFile>;
  /** Pictures that can't be used because a label could be theirs or another's. */
  readonly ambiguous: ReadonlySet<IndexedFile>;
  /** Label files with the pictures that each could belong to. */
  readonly shared: readonly { readonly label: IndexedFile; readonly pictures: readonly IndexedFile[] }[];
  /** Text files in label folders that fit no picture. */
  readonly orphans: readonly IndexedFile[];
}

const NO_LABEL = /(?:^|\/)(?:read_?me|licen[cs]e|requirements|notice|train|val|valid|test|trainval)[^/]*$/i;

/** Match label files with pictures, by name and place. Reads nothing. */
export function findYoloLabels(context: ReadContext): YoloPairs {
  const labelOf = new Map<IndexedFile, IndexedFile>();
  const ambiguous = new Set<IndexedFile>();
  const shared: { label: IndexedFile; pictures: readonly IndexedFile[] }[] = [];
  const orphans: IndexedFile[] = [];
  const unmatched: IndexedFile[] = [];
  for (const label of context.index.files) {
    if (extension(label.path) !== 'txt' || isNamesFile(label.path)) continue;
    const pictures = nearest(context.index.picturesByStem(stem(label.path)), label.path);
    const [first] = pictures;
    if (!first) {
      unmatched.push(label);
      continue;
    }
    if (pictures.length > 1) shared.push({ label, pictures });
    // The label goes to the first; the others must not become pictures without objects.
    for (const other of pictures.slice(1)) ambiguous.add(other);
    if (!labelOf.has(first)) labelOf.set(first, label);
  }
  // Text files among labels are labels, unless their names say something else.
  const folders = new Set([...labelOf.values()].map((label) => dirName(label.path)));
  for (const file of unmatched) {
    const isAmongLabels = folders.has(dirName(file.path)) && !NO_LABEL.test(file.path);
    if (isAmongLabels || /(^|\/)labels\//i.test(file.path)) orphans.push(file);
  }
  return { labelOf, ambiguous, shared, orphans };
}

/** Read a YOLO dataset. A picture whose label file can't be read is skipped with it, by name. */
export async function readYolo(pairs: YoloPairs, context: ReadContext): Promise<RawDataset> {
  const { findings, index } = context;
  const config = await readYoloConfig(context);
  const classes = new ClassMap(config.names);
  for (const { label, pictures } of pairs.shared)
    findings.warn(
      'ambiguous-label',
      label.path,
      `${label.path} is ambiguous: it could belong to ${pictures.map((p) => p.path).join(' or ')}; ${pictures[0]?.path} gets it, the others are left out`,
    );
  for (const orphan of pairs.orphans)
    findings.warn('image-not-found', orphan.path, `no picture found for ${orphan.path}`);
  const images: RawImage[] = [];
  for (const file of index.files.filter((f) => isPicturePath(f.path))) {
    if (pairs.ambiguous.has(file)) continue;
    // Folders that data.yaml calls otherwise (`valid` for `val`) still say what they are.
    const split = config.splitOf(file.path) ?? splitOfFolder(file.path);
    const label = pairs.labelOf.get(file);
    if (!label)
      findings.note('no-label', file.path, `${file.path} has no label file: a picture without objects`);
    const boxes = label ? await readBoxes(label, file, { classes, ...config }, context) : [];
    if (boxes) images.push({ file, split, boxes });
  }
  if (!config.names && classes.list.items.length > 0)
    findings.warn(
      'no-class-names',
      'classes.txt',
      `no data.yaml or classes.txt names the classes; they are called ${classes.list.items.map((c) => `"${c.name}"`).join(', ')}`,
    );
  return { format: 'yolo', boxUnit: 'unit', categories: classes.list.items, images };
}

/** Maps what label files call a class to the list of categories. Ids are index + 1. */
class ClassMap {
  readonly list = new CategoryList();
  /** Category of each class index. Two equal names share one. */
  readonly #byIndex: number[] = [];
  readonly #isNamed: boolean;

  constructor(names: readonly string[] | undefined) {
    this.#isNamed = names !== undefined;
    names?.forEach((name, i) => {
      this.#byIndex[i] = this.list.add(name, i + 1);
    });
  }

  find(klass: string): { category: number; isByName: boolean } | undefined {
    const index = Number(klass);
    if (Number.isInteger(index) && index >= 0 && index < 10_000) {
      if (!this.#isNamed) while (this.#byIndex.length <= index) this.#addUnnamed();
      const category = this.#byIndex.at(index);
      if (category !== undefined) return { category, isByName: false };
    }
    const category = this.list.indexOf(klass);
    return category === undefined ? undefined : { category, isByName: true };
  }

  #addUnnamed(): void {
    this.#byIndex.push(this.list.add(`class ${this.#byIndex.length}`));
  }
}

async function readBoxes(
  label: IndexedFile,
  picture: IndexedFile,
  { classes, keypointValues }: { classes: ClassMap; keypointValues: number },
  context: ReadContext,
): Promise<RawBox[] | undefined> {
  const { findings } = context;
  const text = await readTextOrSkip(label, context);
  if (text === undefined) return undefined;
  const labels = parseYoloLabels(text, keypointValues);
  if (labels.refusal !== undefined) {
    findings.skip(
      'bad-label-file',
      label.path,
      `${label.path}: ${labels.refusal}; ${baseName(picture.path)} is left out with it`,
    );
    return undefined;
  }
  for (const { code, message } of labels.findings)
    findings.warn(code, label.path, `${label.path}: ${message}`);
  const unknown = new Set<string>();
  const boxes: RawBox[] = [];
  for (const box of labels.boxes) {
    const raw = toRawBox(box, label.path, classes, context);
    if (raw) boxes.push(raw);
    else unknown.add(box.klass);
  }
  if (boxes.length === 0 && unknown.size > 0) {
    const shown = [...unknown].slice(0, 5).join(', ');
    findings.skip(
      'bad-label-file',
      label.path,
      `${label.path}: no class of it is known (${shown}); ${baseName(picture.path)} is left out with it`,
    );
    return undefined;
  }
  return boxes;
}

function toRawBox(box: YoloBox, file: string, classes: ClassMap, context: ReadContext): RawBox | undefined {
  const found = classes.find(box.klass);
  if (!found) {
    context.findings.warn(
      'unknown-category',
      file,
      `${file}: a box of class ${box.klass}, which no class list has, was dropped`,
    );
    return undefined;
  }
  if (found.isByName)
    context.findings.warn(
      'class-by-name',
      file,
      `${file}: classes are written as names; mapped by the class list`,
    );
  return { category: found.category, bbox: box.bbox, isCrowd: false };
}
