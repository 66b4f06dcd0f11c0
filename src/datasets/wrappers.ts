// Datasets made of other datasets. Source: mmdet 2.28.2 `dataset_wrappers.py`.

import { ConfigError } from '../errors/trainerError.ts';
import type { BboxResult } from '../evaluation/bboxResult.ts';
import {
  absent,
  atLeast,
  built,
  DATASETS,
  declareArgs,
  either,
  flag,
  int,
  listOf,
  required,
  type ArgsOf,
  type ArgSpec,
  type BuildContext,
} from '../registry/index.ts';
import type { Rng } from '../util/prng.ts';
import type { IndexedFile } from '../contracts/datasetIndex.ts';
import type { AnnInfo, EvaluationGroundTruth, ImgInfo } from '../contracts/annotations.ts';
import { badValue } from './checkArgs.ts';
import { CustomDataset } from './custom.ts';
import type { Dataset, EvaluateOptions, Metrics } from './dataset.ts';
import { changeDataset } from './datasetChange.ts';
import { EVALUATE_ARGS, evaluateBoxes, type EvaluationStyle } from './evaluateBoxes.ts';
import { expandDatasetCfg } from './expandCfg.ts';
import type { Results } from './pipelines/results.ts';
import { at as itemAt } from '../util/at.ts';

/** Maps its own indices to those of other datasets. */
abstract class WrappedDataset implements Dataset {
  protected abstract readonly parts: readonly Dataset[];
  protected abstract locate(index: number): { readonly part: Dataset; readonly inner: number };
  abstract readonly length: number;
  abstract evaluationGroundTruth(): EvaluationGroundTruth;

  get CLASSES(): readonly string[] {
    return itemAt(this.parts, 0).CLASSES;
  }

  get numClasses(): number {
    return this.CLASSES.length;
  }

  get testMode(): boolean {
    return itemAt(this.parts, 0).testMode;
  }

  get flag(): Uint8Array {
    return Uint8Array.from({ length: this.length }, (_, index) => {
      const { part, inner } = this.locate(index);
      return itemAt(part.flag, inner);
    });
  }

  get indexedFiles(): readonly IndexedFile[] {
    return this.parts.flatMap((part) => part.indexedFiles ?? []);
  }

  followClasses(classes: readonly string[]): void {
    for (const part of this.parts) part.followClasses?.(classes);
  }

  async load(): Promise<void> {
    for (const part of this.parts) await part.load();
  }

  async getItem(index: number, rng: Rng): Promise<Results> {
    const { part, inner } = this.locate(index);
    return part.getItem(inner, rng);
  }

  updateSkipTypeKeys(skipTypeKeys: readonly string[]): void {
    for (const part of this.parts) changeDataset(part, { skipTypeKeys });
  }

  updateDynamicScale(dynamicScale: readonly [number, number]): void {
    for (const part of this.parts) changeDataset(part, { dynamicScale });
  }

  getAnnInfo(index: number): AnnInfo {
    const { part, inner } = this.locate(index);
    return part.getAnnInfo(inner);
  }

  getImgInfo(index: number): ImgInfo {
    const { part, inner } = this.locate(index);
    return part.getImgInfo(inner);
  }

  imagePath(index: number): string | null {
    const { part, inner } = this.locate(index);
    return part.imagePath(inner);
  }
}

/** A dataset, also in one of its short forms. */
const DATASET = built('DATASETS', [], { expand: expandDatasetCfg });
const testModeOfParts = absent(flag, 'Handed down to the datasets inside.');

const REPEAT_ARGS = declareArgs({
  dataset: required(either(DATASET, listOf(DATASET)), 'The dataset that is repeated.'),
  times: required(atLeast(int, 1), 'How often it comes in an epoch.'),
  test_mode: testModeOfParts,
});

/** A dataset `times` over, each copy with its own random numbers: fewer, longer epochs. */
export class RepeatDataset extends WrappedDataset {
  static readonly args = REPEAT_ARGS;
  protected readonly parts: readonly Dataset[];
  readonly times: number;

  constructor({ dataset, times, testMode }: ArgsOf<typeof REPEAT_ARGS>, context: BuildContext) {
    super();
    this.times = times;
    this.parts = [
      context.build<Dataset>('DATASETS', expandDatasetCfg(dataset), 'dataset', testModeArg(testMode)),
    ];
  }

  get length(): number {
    return itemAt(this.parts, 0).length * this.times;
  }

  evaluationGroundTruth(): EvaluationGroundTruth {
    throw new ConfigError('RepeatDataset is for training; it has no ground truth to evaluate against', {
      code: 'unsupported',
      hint: 'use the inner dataset in data.val and data.test',
    });
  }

  protected locate(index: number): { part: Dataset; inner: number } {
    return { part: itemAt(this.parts, 0), inner: index % itemAt(this.parts, 0).length };
  }
}

const CONCAT_ARGS = declareArgs({
  datasets: required(listOf(DATASET), 'The datasets, in order.'),
  separate_eval: absent(
    flag,
    'Whether parts are evaluated one by one; they are where they have an evaluate of their own.',
  ),
  test_mode: testModeOfParts,
});

/**
 * Datasets one after the other; all must have the same classes, in any order: labels go by the names of the first.
 * Differs: evaluated together, as MMDetection does with `separate_eval=False`; parts with an `evaluate` of their own one
 * by one, with their number in front of each metric (`0_bbox_mAP`), as MMDetection does otherwise.
 */
export class ConcatDataset extends WrappedDataset {
  static readonly args = CONCAT_ARGS;
  protected readonly parts: readonly Dataset[];

  constructor({ datasets, testMode }: ArgsOf<typeof CONCAT_ARGS>, context: BuildContext) {
    super();
    if (datasets.length === 0) {
      throw badValue('datasets', 'a list of at least one dataset', datasets);
    }
    this.parts = datasets.map((cfg, i) =>
      context.build<Dataset>('DATASETS', expandDatasetCfg(cfg), `datasets[${i}]`, testModeArg(testMode)),
    );
  }

  get length(): number {
    return this.parts.reduce((n, part) => n + part.length, 0);
  }

  /** Labels of all parts go by the names of the first one. */
  override async load(): Promise<void> {
    const [head, ...others] = this.parts;
    await head?.load();
    const first = this.CLASSES.join(', ');
    for (const [at, part] of others.entries()) {
      const i = at + 1;
      part.followClasses?.(this.CLASSES);
      await part.load();
      if (part.CLASSES.join(', ') === first) continue;
      throw new ConfigError(
        `the parts of ConcatDataset must have the same classes in the same order, but datasets[${i}] has ${part.CLASSES.join(', ')} and datasets[0] ${first}`,
        { code: 'bad-value', hint: 'give all of them the same classes=(…)' },
      );
    }
  }

  /** Ids are made unique by the number of the part. */
  evaluationGroundTruth(): EvaluationGroundTruth {
    const truths = this.parts.map((part) => part.evaluationGroundTruth());
    const { categories } = itemAt(truths, 0);
    const labelOf = truths.map((truth) => new Map(truth.categories.map((c, label) => [c.id, label])));
    const annotations = truths.flatMap((truth, i) =>
      truth.annotations.map((annotation) => ({
        ...annotation,
        image_id: `${i}:${annotation.image_id}`,
        category_id: itemAt(categories, itemAt(labelOf, i).get(annotation.category_id) ?? 0).id,
      })),
    );
    return {
      images: truths.flatMap((truth, i) =>
        truth.images.map((image) => ({ ...image, id: `${i}:${image.id}` })),
      ),
      annotations: annotations.map((annotation, n) => ({ ...annotation, id: n + 1 })),
      categories,
    };
  }

  /** Null when a part evaluates itself in a way of its own. */
  get evaluateSpec(): ArgSpec | null {
    return this.parts.every((part) => evaluateSpecOf(part) === EVALUATE_ARGS) ? EVALUATE_ARGS : null;
  }

  get evaluationStyle(): EvaluationStyle | undefined {
    const [first] = this.parts;
    return first && evaluationStyleOf(first);
  }

  async evaluate(results: readonly BboxResult[], options: EvaluateOptions): Promise<Metrics> {
    if (this.evaluateSpec) return evaluateBoxes(this, results, options, this.evaluationStyle);
    const metrics: Record<string, number | string> = {};
    let start = 0;
    for (const [i, part] of this.parts.entries()) {
      const own = results.slice(start, start + part.length);
      start += part.length;
      const found = await (part.evaluate?.(own, options) ?? evaluateBoxes(part, own, options));
      for (const [name, value] of Object.entries(found)) metrics[`${i}_${name}`] = value;
    }
    return metrics;
  }

  protected locate(index: number): { part: Dataset; inner: number } {
    let inner = index;
    for (const part of this.parts) {
      if (inner < part.length) return { part, inner };
      inner -= part.length;
    }
    throw new Error(`internal: index ${index} beyond ${this.length}`);
  }
}

/** How a dataset is evaluated unless it is told otherwise; undefined: by COCO's metrics. */
export function evaluationStyleOf(dataset: Dataset): EvaluationStyle | undefined {
  return dataset instanceof CustomDataset || dataset instanceof ConcatDataset
    ? dataset.evaluationStyle
    : undefined;
}

/**
 * The keys that a dataset's `evaluate` takes: what the class that defines it declares as `static evaluateArgs`.
 * @returns null when it takes anything
 */
export function evaluateSpecOf(dataset: Dataset): ArgSpec | null {
  if (dataset instanceof ConcatDataset) return dataset.evaluateSpec;
  if (!dataset.evaluate) return EVALUATE_ARGS;
  let owner: object | null = Object.getPrototypeOf(dataset) as object;
  while (owner && !Object.hasOwn(owner, 'evaluate')) owner = Object.getPrototypeOf(owner) as object | null;
  const declared = owner?.constructor as { evaluateArgs?: ArgSpec } | undefined;
  return declared && Object.hasOwn(declared, 'evaluateArgs') ? (declared.evaluateArgs ?? null) : null;
}

/** What `build_dataset(cfg, default_args)` hands down to inner datasets. */
function testModeArg(testMode: boolean | undefined): Record<string, unknown> {
  return testMode === undefined ? {} : { test_mode: testMode };
}

DATASETS.registerModule()(RepeatDataset);
DATASETS.registerModule()(ConcatDataset);
