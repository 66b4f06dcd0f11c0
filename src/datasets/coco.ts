import { DatasetError } from '../errors/trainerError.ts';
import { DATASETS } from '../registry/registries.ts';
import {
  packBoxes,
  type AnnInfo,
  type CocoAnnotation,
  type CocoCategory,
  type EvaluationGroundTruth,
  type ImgInfo,
} from '../contracts/annotations.ts';
import { IS_CROWD, IS_IGNORED, type IndexedFile, type IndexFinding } from '../contracts/datasetIndex.ts';
import { invariant } from '../errors/invariant.ts';
import { readCocoIndex } from '../formats/cocoIndex.ts';
import { firstOf } from '../util/firstOf.ts';
import { COCO_CLASSES } from './classNames.ts';
import { checkNames, type ClassSource } from './classNaming.ts';
import { CUSTOM_DATASET_ARGS, CustomDataset } from './custom.ts';
import { boxProblems } from './boxProblems.ts';
import { cachedIndex, fileState } from './indexCache.ts';

type Box = [number, number, number, number];

/**
 * COCO annotation files. Labels go by name: `classes` in their order, else the model's where the dataset is evaluated
 * on, else COCO's 80 where the file names only those, else the categories of the file in its order.
 * Source: mmdet 2.28.2 `CocoDataset`. Differs: there labels number the chosen categories in the order of the file
 * whatever the order of `classes`, and where the file lacks a class the labels behind it move down.
 */
export class CocoDataset extends CustomDataset {
  static readonly args = CUSTOM_DATASET_ARGS;
  #file: IndexedFile | null = null;
  /** In label order; a class that the file lacks has an id that no annotation has. */
  #categories: readonly CocoCategory[] = [];
  /** By the index's category: its label, or -1. */
  #labels = new Int32Array(0);
  /** By picture's id: its place in the index. */
  #places = new Map<number | string, number>();

  override get indexedFiles(): readonly IndexedFile[] {
    return this.#file ? [this.#file] : [];
  }

  protected async loadAnnotations(
    classes: readonly string[] | null,
    source: ClassSource,
  ): Promise<ImgInfo[]> {
    const { fs } = this.context.services;
    await this.checkExists(this.annFile, 'annotation file');
    const state = await fileState(fs, this.annFile);
    this.#file = await cachedIndex(fs, `coco:${this.annFile}`, state, () => readCocoIndex(fs, this.annFile));
    const { index } = this.#file;
    for (const finding of index.findings) this.#tell(finding);
    this.#categories = this.#chooseCategories(index.categories, classes, source);
    const labelOf = new Map(this.#categories.map((category, label) => [category.id, label]));
    this.#labels = Int32Array.from(index.categories, ({ id }) => labelOf.get(id) ?? -1);
    this.CLASSES = this.#categories.map((category) => category.name);
    this.#places = new Map(index.imageIds.map((id, i) => [id, i]));
    return index.imageIds.map((id, i) => ({
      id,
      filename: index.fileNames[i] ?? '',
      width: index.sizes[2 * i] ?? 0,
      height: index.sizes[2 * i + 1] ?? 0,
    }));
  }

  protected override reportBoxes(): void {
    const file = this.#file;
    if (!file) return;
    const problems = boxProblems(file.index, this.#labels, {
      path: this.annFile,
      isTraining: !this.testMode,
    });
    for (const problem of problems) this.#tell(problem);
  }

  /** @throws DatasetError for an error: nothing sensible can be trained or measured */
  #tell({ severity, code, message, hint }: IndexFinding): void {
    if (severity === 'error') throw new DatasetError(message, { code, hint, path: this.annFile });
    this.context.report({ severity, code, message, hint, path: 'ann_file' });
  }

  protected hasGt(info: ImgInfo): boolean {
    return this.#rowsOf(info).length > 0;
  }

  getAnnInfo(index: number): AnnInfo {
    const info = this.infoOf(index);
    const boxes: Box[] = [];
    const labels: number[] = [];
    const ignored: Box[] = [];
    for (const row of this.#rowsOf(info)) {
      const { bbox, area, label, flags } = this.#annotation(row);
      const [x, y, w, h] = bbox;
      const insideW = Math.min(x + w, info.width) - Math.max(x, 0);
      const insideH = Math.min(y + h, info.height) - Math.max(y, 0);
      if (flags & IS_IGNORED || insideW <= 0 || insideH <= 0) continue;
      if (area <= 0 || w < 1 || h < 1) continue;
      if (flags & IS_CROWD) ignored.push([x, y, x + w, y + h]);
      else {
        boxes.push([x, y, x + w, y + h]);
        labels.push(label);
      }
    }
    return { bboxes: packBoxes(boxes), labels: Int32Array.from(labels), bboxes_ignore: packBoxes(ignored) };
  }

  evaluationGroundTruth(): EvaluationGroundTruth {
    const annotations: CocoAnnotation[] = [];
    for (const info of this.dataInfos) {
      for (const row of this.#rowsOf(info)) {
        const { bbox, area, label, flags, id } = this.#annotation(row);
        const category_id = this.#categories[label]?.id ?? NaN;
        const iscrowd = flags & IS_CROWD ? 1 : 0;
        annotations.push({ id, image_id: info.id, category_id, bbox, area, iscrowd });
      }
    }
    const images = this.dataInfos.map(({ id, filename, width, height }) => ({
      id,
      file_name: filename,
      width,
      height,
    }));
    return { images, annotations, categories: this.#categories };
  }

  /** Rows of the index with the picture's boxes of the chosen classes. */
  #rowsOf({ id }: ImgInfo): number[] {
    const place = this.#places.get(id);
    if (!this.#file || place === undefined) return [];
    const { boxStarts, boxCategories } = this.#file.index;
    const rows: number[] = [];
    for (let row = boxStarts[place] ?? 0; row < (boxStarts[place + 1] ?? 0); row++) {
      if ((this.#labels[boxCategories[row] ?? -1] ?? -1) >= 0) rows.push(row);
    }
    return rows;
  }

  #annotation(row: number): { bbox: Box; area: number; label: number; flags: number; id: number } {
    invariant(this.#file !== null, 'load() comes first');
    const { boxes, areas, boxCategories, boxFlags, boxIds } = this.#file.index;
    const at = (i: number): number => boxes[4 * row + i] ?? NaN;
    return {
      bbox: [at(0), at(1), at(2), at(3)],
      area: areas[row] ?? NaN,
      label: this.#labels[boxCategories[row] ?? -1] ?? -1,
      flags: boxFlags[row] ?? 0,
      id: boxIds[row] ?? NaN,
    };
  }

  /** @throws DatasetError `unknown-classes` */
  #chooseCategories(
    inFile: readonly CocoCategory[],
    chosen: readonly string[] | null,
    source: ClassSource,
  ): readonly CocoCategory[] {
    const names = inFile.map((category) => category.name);
    const isPlainCoco = names.every((name) => COCO_CLASSES.includes(name));
    const wanted = chosen ?? (isPlainCoco ? COCO_CLASSES : names);
    checkNames(wanted, names, source, this.annFile);
    const missing = wanted.filter((name) => !names.includes(name));
    // COCO's 80 are taken whole wherever the file has some of them.
    if (chosen !== null && missing.length > 0 && wanted.join() !== COCO_CLASSES.join()) {
      const quoted = missing.map((name) => `'${name}'`);
      this.context.report({
        severity: 'warning',
        code: 'class-without-boxes',
        message: `${this.annFile} has no category ${firstOf(quoted, 5)}: no boxes of it`,
        path: source.own === null ? 'ann_file' : 'classes',
      });
    }
    const largestId = inFile.reduce((largest, { id }) => Math.max(largest, id), 0);
    return wanted.map(
      (name, i) => inFile.find((category) => category.name === name) ?? { id: largestId + 1 + i, name },
    );
  }
}

DATASETS.registerModule()(CocoDataset);
