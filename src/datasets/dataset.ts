import type { BboxResult } from '../evaluation/bboxResult.ts';
import type { Rng } from '../util/prng.ts';
import type { ClassScore } from '../contracts/runEvents.ts';
import type { IndexedFile } from '../contracts/datasetIndex.ts';
import type { AnnInfo, EvaluationGroundTruth, ImgInfo } from '../contracts/annotations.ts';
import type { Results } from './pipelines/results.ts';

/** Hears what an evaluation finds on the way. */
export interface EvaluationLogger {
  info(message: string): void;
  /** AP of each class, which the page shows. */
  classScores?(scores: readonly ClassScore[]): void;
}

/** The config's `evaluation` without what the hook takes; keys in camelCase. */
export interface EvaluateOptions {
  readonly logger?: EvaluationLogger;
  readonly [key: string]: unknown;
}

/** Metric -> value, in the order in which they are reported; empty when nothing was detected. */
export type Metrics = Readonly<Record<string, number | string>>;

/** What the loader, the runner and the evaluation need of a dataset. Call `load` once before anything else. */
export interface Dataset {
  /** Class names in label order; known after `load`. */
  readonly CLASSES: readonly string[];
  readonly numClasses: number;
  /** Number of pictures, after filtering. */
  readonly length: number;
  /** uint8 [length]: 1 where the picture is wider than high. GroupSampler keeps the groups apart. */
  readonly flag: Uint8Array;
  readonly testMode: boolean;
  /** Number the labels as these classes of the model, by name; to be called before `load`. */
  followClasses?(classes: readonly string[]): void;
  /** The annotation files that `load` has read, for other workers to take over. */
  readonly indexedFiles?: readonly IndexedFile[];
  /** Read the annotations. @throws DatasetError */
  load(): Promise<void>;
  /** One picture through the pipeline. @param rng the sample's own random numbers */
  getItem(index: number, rng: Rng): Promise<Results>;
  getAnnInfo(index: number): AnnInfo;
  getImgInfo(index: number): ImgInfo;
  /** Path of a picture in the file system; null for generated ones. */
  imagePath(index: number): string | null;
  evaluationGroundTruth(): EvaluationGroundTruth;
  /**
   * Score detections. Without it COCO's and VOC's metrics are computed from the ground truth. Its class may declare
   * `static evaluateArgs` (an ArgSpec): other keys of `evaluation` are then refused before the training starts.
   * @param results boxes per class of every picture, in the dataset's order
   */
  evaluate?(results: readonly BboxResult[], options: EvaluateOptions): Metrics | Promise<Metrics>;
  /** Leave out the transforms of these types from the next picture on. */
  updateSkipTypeKeys?(skipTypeKeys: readonly string[]): void;
  /** Resize to this size (width, height; px) from the next picture on. */
  updateDynamicScale?(dynamicScale: readonly [number, number]): void;
}
