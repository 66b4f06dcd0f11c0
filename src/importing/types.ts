// What an import takes and what it tells. All of it is plain data that can cross a worker boundary, but for the source.

import type { FileSystem } from '../contracts/fileSystem.ts';
import type { CheckImage } from '../contracts/image.ts';
import type { Locks } from '../contracts/locks.ts';

/** One file of a drop, as the drop names it. Nothing is read before it is asked for. */
export interface SourceFile {
  /** Path inside the drop, `/` or `\` between folders. Not to be trusted. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Bytes [start, end), fewer at the end of the file. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** All bytes in order, for files too large to hold. */
  stream(): AsyncIterable<Uint8Array>;
  /** Worth a warning: why the path may not be what the person sees elsewhere. */
  readonly nameWarning?: string;
}

/** Where a dataset comes from: a zip, a folder, loose files. */
export interface ImportSource {
  /** What the person dropped, such as `bccd.zip`. For messages. */
  readonly name: string;
  files(): AsyncIterable<SourceFile>;
}

/** `images`: pictures without any annotation file. */
export type ImportFormat = 'coco' | 'voc' | 'yolo' | 'images';
export type SplitName = 'train' | 'val' | 'test';

export interface ImportProgress {
  /** reading: the list of files and the annotations. checking: each picture is read, decoded once and stored. */
  readonly phase: 'reading' | 'checking' | 'writing';
  /** Files of this phase. `total` is 0 while it isn't known. */
  readonly done: number;
  readonly total: number;
  /** Bytes read since the import began. */
  readonly bytes: number;
}

export interface ImportOptions {
  fs: FileSystem;
  /** Keep others from importing into the same name, and their unfinished imports from us. */
  locks: Locks;
  /** The dataset's folder under `data/`: letters, digits, `_`, `-` and `.`. */
  name: string;
  /** Decodes each picture once, to find damaged ones. Without it only headers and end marks are looked at. */
  checkImage?: CheckImage;
  /** Replace a dataset of this name; default false. The old one stays until the new one is complete. */
  replace?: boolean;
  /** What the four numbers of a COCO `bbox` are; default `xywh`, which is what COCO says. */
  bboxFormat?: 'xywh' | 'xyxy';
  signal?: AbortSignal;
  onProgress?(progress: ImportProgress): void;
}

/** One finding, about one file or picture. Equal findings about one item are one entry with a count. */
export interface ImportItem {
  /** Stable kebab-case identifier, such as `clipped-box`. */
  readonly code: string;
  /** Path or name of the file, picture or class. */
  readonly item: string;
  readonly message: string;
  /** How often it was found in this item. */
  readonly count: number;
}

export interface SplitCounts {
  readonly train: number;
  readonly val: number;
}

export interface ImportReport {
  readonly name: string;
  readonly format: ImportFormat;
  /** Folder that the `file_name`s are relative to, such as `data/bccd/images/`. */
  readonly imgPrefix: string;
  /** Repaired COCO files, such as `data/bccd/annotations/instances_train.json`. */
  readonly trainAnnFile: string;
  readonly valAnnFile: string;
  /** Only when the source has a test split besides train and val. */
  readonly testAnnFile?: string;
  /** In the order of their ids. */
  readonly classes: readonly string[];
  readonly images: SplitCounts;
  readonly boxes: SplitCounts;
  /** train and val together, in the order of `classes`. */
  readonly boxesPerClass: readonly { readonly name: string; readonly count: number }[];
  /** Median width and height of the pictures in train and val, px; [0, 0] without pictures. */
  readonly medianSize: readonly [number, number];
  /** What was repaired or may be wrong. */
  readonly warnings: readonly ImportItem[];
  /** Pictures and annotation files that were left out. */
  readonly skipped: readonly ImportItem[];
  /** What is no fault but good to know: system files ignored, pictures without labels. */
  readonly notes: readonly ImportItem[];
}

/** A file of the drop under the path that it gets inside `data/<name>/`. */
export interface IndexedFile {
  readonly source: SourceFile;
  /** Safe, relative to the dataset's folder. */
  readonly path: string;
}

/** A box as an annotation file gives it; nothing is checked yet. */
export interface RawBox {
  /** Index into {@link RawDataset.categories}. */
  readonly category: number;
  /** x, y of the top left corner, width, height. */
  readonly bbox: readonly [number, number, number, number];
  /** COCO: area of the object's mask; it decides small, medium or large in the evaluation. */
  readonly area?: number;
  readonly isCrowd: boolean;
}

export interface RawImage {
  readonly file: IndexedFile;
  /** Id in the source, kept where it can be. */
  readonly id?: number;
  /** As the annotation says, px; undefined when it does not. */
  readonly width?: number;
  readonly height?: number;
  readonly split?: SplitName;
  readonly boxes: RawBox[];
}

export interface RawDataset {
  readonly format: ImportFormat;
  /** `unit`: boxes are fractions of width and height. */
  readonly boxUnit: 'px' | 'unit';
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly images: readonly RawImage[];
}
