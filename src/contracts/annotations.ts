// Annotations as the formats deliver them, and as evaluation wants them.

import type { DecodedImage } from './image.ts';

/** One picture of a dataset. */
export interface ImgInfo {
  readonly id: number | string;
  /** Path below `img_prefix`. */
  readonly filename: string;
  /** Pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** Draws the picture instead of reading a file (generated datasets). Do not change what it returns. */
  readonly pixels?: () => DecodedImage;
}

/** Boxes of one picture; float32 [N, 4], xyxy, absolute px of the original picture. */
export interface AnnInfo {
  readonly bboxes: Float32Array;
  /** int32 [N], indices into the dataset's `CLASSES`. */
  readonly labels: Int32Array;
  /** Crowds and difficult objects: neither positives nor negatives. */
  readonly bboxes_ignore: Float32Array;
}

export interface CocoImage {
  readonly id: number | string;
  readonly file_name: string;
  readonly width: number;
  readonly height: number;
}

export interface CocoAnnotation {
  /** Other ids are numbered by their place, from 1. */
  readonly id: number;
  readonly image_id: number | string;
  readonly category_id: number;
  /** x, y, width, height; px. */
  readonly bbox: readonly [number, number, number, number];
  /** px². */
  readonly area: number;
  readonly iscrowd: 0 | 1;
  /** VOC's `difficult`, where the format has it. */
  readonly difficult?: boolean;
}

export interface CocoCategory {
  readonly id: number;
  readonly name: string;
}

/** Everything an evaluation needs to know of the truth. */
export interface EvaluationGroundTruth {
  /** In the order of the dataset's indices. */
  readonly images: readonly CocoImage[];
  /** Every annotation of those pictures, small ones included, of the classes in `categories`. */
  readonly annotations: readonly CocoAnnotation[];
  /** In label order: label i means `categories[i]`. */
  readonly categories: readonly CocoCategory[];
}

/** Turn rows of boxes into one float32 array. */
export function packBoxes(rows: readonly (readonly [number, number, number, number])[]): Float32Array {
  const packed = new Float32Array(rows.length * 4);
  rows.forEach((row, i) => packed.set(row, i * 4));
  return packed;
}
