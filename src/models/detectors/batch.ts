// What a detector needs of a batch; `datasets/` produces it (same layer, so the shape is repeated here).

import type { PackedImages } from '../../gpu/index.ts';

/** What the pipeline remembers of a picture. Shapes are [height, width, channels], px. */
export interface ImageMeta {
  /** After resizing, before padding. */
  readonly img_shape: readonly number[];
  /** As the network sees it. */
  readonly pad_shape: readonly number[];
  /** As in the file. */
  readonly ori_shape: readonly number[];
  /** Resized over original size: a number, or (w, h, w, h). */
  readonly scale_factor: number | ArrayLike<number>;
}

export interface ImageBatch {
  /** float32, flat NHWC, normalised; or uint8, which the GPU normalises. */
  readonly img: Float32Array | PackedImages;
  /** [B, H, W, C]. */
  readonly shape: readonly [number, number, number, number];
  readonly imgMetas: readonly ImageMeta[];
}

export interface TrainBatch extends ImageBatch {
  /** Per picture float32 [N, 4], xyxy, px of the padded picture. */
  readonly gtBboxes: readonly Float32Array[];
  /** Per picture int32 [N]. */
  readonly gtLabels: readonly Int32Array[];
  /** Per picture, boxes that count neither as objects nor as background. */
  readonly gtBboxesIgnore?: readonly Float32Array[];
}
