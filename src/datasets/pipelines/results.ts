// What flows through a pipeline: MMDetection's results dict with its own keys, typed.

import type { Rng } from '../../util/prng.ts';
import type { AnnInfo, ImgInfo } from '../../contracts/annotations.ts';

/** Rows, columns, channels. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/**
 * A picture in memory: [H, W, C] row by row, channels last.
 * uint8 and BGR after loading, float32 after Normalize or the format bundle.
 * After RandomFlip, Normalize and Pad the pixels are made when `data` is first read: a picture that nobody reads goes
 * to the GPU as uint8, and is finished there.
 * Differs: MMDetection turns it into [C, H, W] in DefaultFormatBundle; the GPU side here takes NHWC.
 */
export interface ImageArray {
  readonly data: Uint8Array | Float32Array;
  readonly shape: ImageShape;
}

export interface ImgNormCfg {
  /** Per channel, in the channel order of the result. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly to_rgb: boolean;
}

export type FlipDirection = 'horizontal' | 'vertical' | 'diagonal';
/** A target size (long edge and short edge, or width and height without `keep_ratio`), px. */
export type ImgScale = readonly [number, number];

/** What a detector must know about a picture to map boxes back. Keys are MMDetection's `img_metas`. */
export interface ImgMeta {
  readonly filename: string;
  /** As the annotation file names it. */
  readonly ori_filename: string;
  readonly ori_shape: ImageShape;
  /** After Resize, before Pad. */
  readonly img_shape: ImageShape;
  /** After Pad. */
  readonly pad_shape: ImageShape;
  /** float32 values: w, h, w, h. Divide boxes by it to get pixels of the original picture. */
  readonly scale_factor: readonly number[];
  readonly flip: boolean;
  readonly flip_direction: FlipDirection | null;
  readonly img_norm_cfg: ImgNormCfg;
  /** Rows and columns of the whole batch; set when batching. */
  readonly batch_input_shape?: readonly [number, number];
  /** Id of the picture in its annotation file, and its place in the dataset. */
  readonly img_id: number | string;
  readonly index: number;
  readonly [metaKey: string]: unknown;
}

/**
 * The dict that transforms hand on. A transform takes it over: it may change the fields, and returns it.
 * Boxes are float32 [N, 4] xyxy, absolute px of `img`. Own transforms may add keys.
 */
export interface Results {
  img_info: ImgInfo;
  ann_info?: AnnInfo;
  /** The dataset's place of the picture; with `img_info`, all that LoadImageFromFile needs. */
  img_prefix: string;
  index: number;
  bbox_fields: string[];
  img_fields: string[];
  filename?: string;
  ori_filename?: string;
  img?: ImageArray;
  img_shape?: ImageShape;
  ori_shape?: ImageShape;
  pad_shape?: ImageShape;
  scale?: ImgScale;
  scale_idx?: number | null;
  /** w, h, w, h; a single number only as an input of Resize (MultiScaleFlipAug's `scale_factor`). */
  scale_factor?: readonly number[] | number;
  keep_ratio?: boolean;
  flip?: boolean;
  flip_direction?: FlipDirection | null;
  img_norm_cfg?: ImgNormCfg;
  pad_fixed_size?: readonly [number, number] | null;
  pad_size_divisor?: number | null;
  gt_bboxes?: Float32Array;
  gt_bboxes_ignore?: Float32Array;
  gt_labels?: Int32Array;
  /** Set by Collect. */
  img_metas?: ImgMeta;
  [key: string]: unknown;
}

/** One step of a pipeline. Register with `PIPELINES.registerModule()`. */
export interface Transform {
  /**
   * @param results taken over
   * @param rng the sample's own random numbers; use no others, so that a run can be repeated
   * @returns null to drop the sample; the dataset then takes another one
   */
  call(results: Results, rng: Rng): Promise<Results | null>;
}
