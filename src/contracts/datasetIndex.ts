// What a data set's annotations say, read once: compact plain data that goes from worker to worker.

import type { CocoCategory } from './annotations.ts';

/** A crowd: neither positive nor negative. */
export const IS_CROWD = 1;
/** The format's own `ignore`: neither trained nor evaluated on. */
export const IS_IGNORED = 2;
/** VOC's `difficult`. */
export const IS_DIFFICULT = 4;

/** I pictures and their N boxes; the boxes of picture i are rows `boxStarts[i]` to `boxStarts[i + 1]`. */
export interface DatasetIndex {
  readonly imageIds: readonly (number | string)[];
  /** Below `img_prefix`. */
  readonly fileNames: readonly string[];
  /** float64 [I, 2]: width, height; px, as the annotations declare them. */
  readonly sizes: Float64Array;
  /** In the file's order, each name once: boxes of a second category of that name count to the first. */
  readonly categories: readonly CocoCategory[];
  /** uint32 [I + 1]. */
  readonly boxStarts: Uint32Array;
  /** float64 [N, 4]: x, y, width, height; absolute px, in the file's order within a picture. */
  readonly boxes: Float64Array;
  /** float64 [N], px². */
  readonly areas: Float64Array;
  /** int32 [N], indices into `categories`. */
  readonly boxCategories: Int32Array;
  /** uint8 [N]: `IS_CROWD`, `IS_IGNORED`, `IS_DIFFICULT`. */
  readonly boxFlags: Uint8Array;
  /** float64 [N], the annotations' ids. */
  readonly boxIds: Float64Array;
  /** What reading it had to say. */
  readonly findings: readonly IndexFinding[];
}

/** Something about an annotation file that people wish they had known. */
export interface IndexFinding {
  /** Stable kebab-case identifier. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** One sentence; names the file, how many, and the first ones. */
  readonly message: string;
  readonly hint?: string;
}

/** Which files an index was read from, and their state then. */
export interface IndexedFile {
  /** Distinguishes readers: the same file may be read as several formats. */
  readonly key: string;
  /** Sizes and times of change; another one means that the index is stale. */
  readonly state: string;
  readonly index: DatasetIndex;
}
