import { DatasetError } from '../errors/trainerError.ts';
import { DATASETS } from '../registry/registries.ts';
import { nearest } from '../util/nearest.ts';
import {
  packBoxes,
  type AnnInfo,
  type CocoCategory,
  type EvaluationGroundTruth,
  type ImgInfo,
} from '../contracts/annotations.ts';
import { COCO_CLASSES } from './classNames.ts';
import { readCocoFile, type CocoFile, type CocoRecord } from '../formats/cocoFile.ts';
import { CUSTOM_DATASET_ARGS, CustomDataset } from './custom.ts';

type Box = [number, number, number, number];

/**
 * COCO annotation files. Labels number the chosen categories in the order of the file, not of the config, as
 * MMDetection does; `CLASSES` is in label order. Without `classes`: COCO's 80 where the file names only those,
 * else all categories of the file.
 * Source: mmdet 2.28.2 `CocoDataset`. Differs: MMDetection leaves `CLASSES` in the config's order, without
 * `classes` always takes the 80, and where the file lacks a class moves the labels behind it down.
 */
export class CocoDataset extends CustomDataset {
  static readonly args = CUSTOM_DATASET_ARGS;
  #file: CocoFile = { images: [], categories: [], annotations: new Map() };
  /** In label order; a class that the file lacks has an id that no annotation has. */
  #categories: readonly CocoCategory[] = [];
  #labelOf = new Map<number, number>();

  protected async loadAnnotations(classes: readonly string[] | null): Promise<ImgInfo[]> {
    const { warn } = this.context.services;
    const text = await this.readText(this.annFile, 'annotation file');
    this.#file = readCocoFile(text, this.annFile, warn);
    this.#categories = chooseCategories(this.#file.categories, classes, this.annFile, warn);
    this.#labelOf = new Map(this.#categories.map((category, label) => [category.id, label]));
    this.CLASSES = this.#categories.map((category) => category.name);
    return this.#file.images.map(({ id, file_name, width, height }) => ({
      id,
      filename: file_name,
      width,
      height,
    }));
  }

  protected hasGt(info: ImgInfo): boolean {
    return this.#recordsOf(info).some((record) => this.#labelOf.has(record.category_id));
  }

  getAnnInfo(index: number): AnnInfo {
    const info = this.dataInfos[index];
    const boxes: Box[] = [];
    const labels: number[] = [];
    const ignored: Box[] = [];
    for (const { bbox, area, category_id, iscrowd, ignore } of this.#recordsOf(info)) {
      const [x, y, w, h] = bbox;
      const insideW = Math.min(x + w, info.width) - Math.max(x, 0);
      const insideH = Math.min(y + h, info.height) - Math.max(y, 0);
      const label = this.#labelOf.get(category_id);
      if (ignore || label === undefined || insideW <= 0 || insideH <= 0) continue;
      if (area <= 0 || w < 1 || h < 1) continue;
      if (iscrowd) ignored.push([x, y, x + w, y + h]);
      else {
        boxes.push([x, y, x + w, y + h]);
        labels.push(label);
      }
    }
    return { bboxes: packBoxes(boxes), labels: Int32Array.from(labels), bboxes_ignore: packBoxes(ignored) };
  }

  evaluationGroundTruth(): EvaluationGroundTruth {
    const annotations = this.dataInfos.flatMap((info) =>
      this.#recordsOf(info).filter((record) => this.#labelOf.has(record.category_id)),
    );
    const images = this.dataInfos.map(({ id, filename, width, height }) => ({
      id,
      file_name: filename,
      width,
      height,
    }));
    return { images, annotations, categories: this.#categories };
  }

  #recordsOf(info: ImgInfo): readonly CocoRecord[] {
    return this.#file.annotations.get(info.id) ?? [];
  }
}

/** Match class names with the file's categories. @throws DatasetError `unknown-classes` when none matches */
function chooseCategories(
  inFile: readonly CocoCategory[],
  classes: readonly string[] | null,
  path: string,
  warn: (message: string) => void,
): readonly CocoCategory[] {
  const names = inFile.map((category) => category.name);
  const isPlainCoco = names.every((name) => COCO_CLASSES.includes(name));
  const wanted = classes ?? (isPlainCoco ? COCO_CLASSES : names);
  const found = inFile.filter((category) => wanted.includes(category.name));
  if (found.length === 0) {
    const near = nearest(wanted[0] ?? '', names);
    throw new DatasetError(
      `classes must name categories of ${path}, but none of ${wanted.join(', ') || 'them'} is among ${names.join(', ') || 'its (no) categories'}`,
      {
        code: 'unknown-classes',
        path,
        hint: near ? `did you mean '${near}'?` : `write classes=${tupleText(names)}`,
      },
    );
  }
  const missing = wanted.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    // Labels must not shift between a training file that has the class and a validation file that lacks it.
    if (classes !== null)
      warn(`${path} has no category ${missing.map((n) => `'${n}'`).join(', ')}: no boxes of it`);
    const firstFreeId = Math.max(...inFile.map((category) => category.id)) + 1;
    return wanted.map((name, i) => found.find((c) => c.name === name) ?? { id: firstFreeId + i, name });
  }
  const ordered = found.map((category) => category.name);
  if (classes !== null && ordered.join('\n') !== classes.join('\n')) {
    warn(
      `${path} lists its categories in another order than classes; labels follow the file: ${tupleText(ordered)}`,
    );
  }
  return found;
}

function tupleText(names: readonly string[]): string {
  return `(${names.map((name) => `'${name}',`).join(' ')})`;
}

DATASETS.registerModule()(CocoDataset);
