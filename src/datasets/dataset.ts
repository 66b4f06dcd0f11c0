import type { Rng } from '../util/prng.ts';
import type { AnnInfo, EvaluationGroundTruth, ImgInfo } from './annotations.ts';
import type { Results } from './pipelines/results.ts';

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
  /** Read the annotations. @throws DatasetError */
  load(): Promise<void>;
  /** One picture through the pipeline. @param rng the sample's own random numbers */
  getItem(index: number, rng: Rng): Promise<Results>;
  getAnnInfo(index: number): AnnInfo;
  getImgInfo(index: number): ImgInfo;
  /** Path of a picture in the file system; null for generated ones. */
  imagePath(index: number): string | null;
  evaluationGroundTruth(): EvaluationGroundTruth;
  /** Leave out the transforms of these types from the next picture on. */
  updateSkipTypeKeys?(skipTypeKeys: readonly string[]): void;
  /** Resize to this size (width, height; px) from the next picture on. */
  updateDynamicScale?(dynamicScale: readonly [number, number]): void;
}
