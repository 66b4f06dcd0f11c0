// What leaves a dataset: plain arrays that can be transferred between workers.

import { ConfigError } from '../errors/trainerError.ts';
import { normaliseImagesCpu } from '../gpu/kernels/normaliseImage/op.cpu.ts';
import {
  haveOneTable,
  packImages,
  type ImageBatchShape,
  type PackedImage,
  type PackedImages,
} from '../gpu/kernels/normaliseImage/packedImages.ts';
import { packedImage } from './pipelines/lazyImage.ts';
import type { ImageShape, ImgMeta, Results } from './pipelines/results.ts';
import { at } from '../util/at.ts';

/** One picture, ready to be batched. */
export interface Sample {
  /** uint8 with what the GPU is to do with it; float32 [H, W, C] where a step of the pipeline needed the pixels. */
  readonly img: Float32Array | PackedImage;
  /** Shape after padding. */
  readonly imgShape: ImageShape;
  /** float32 [N, 4], xyxy, px of `img`. Absent in test mode. */
  readonly gtBboxes?: Float32Array;
  /** int32 [N]. */
  readonly gtLabels?: Int32Array;
  readonly gtBboxesIgnore?: Float32Array;
  readonly imgMeta: ImgMeta;
}

/** B samples; ground truth is empty where the samples have none. */
export interface Batch {
  /** [B, H, W, C], smaller pictures padded with zeros at the right and the bottom; float32, or uint8 to be finished. */
  readonly img: Float32Array | PackedImages;
  readonly shape: ImageBatchShape;
  readonly gtBboxes: readonly Float32Array[];
  readonly gtLabels: readonly Int32Array[];
  readonly gtBboxesIgnore: readonly Float32Array[];
  readonly imgMetas: readonly ImgMeta[];
}

/**
 * Take the sample out of a finished pipeline's results.
 * @throws ConfigError `no-collect` when the pipeline did not end with Collect(keys=['img', …])
 */
export function toSample(results: Results): Sample {
  const { img, img_metas } = results;
  if (!img || !img_metas) {
    throw new ConfigError(
      "the pipeline must end with Collect(keys=['img', …]), but it gave no picture with metas",
      {
        code: 'no-collect',
        path: 'data',
      },
    );
  }
  return {
    img: packedImage(img) ?? (img.data instanceof Float32Array ? img.data : Float32Array.from(img.data)),
    imgShape: img.shape,
    gtBboxes: results.gt_bboxes,
    gtLabels: results.gt_labels,
    gtBboxesIgnore: results.gt_bboxes_ignore,
    imgMeta: img_metas,
  };
}

/** The pixels that the net will see. @returns float32, flat [H, W, C]; the sample's own array where it has one */
export function pixelsOf({ img, imgShape }: Sample): Float32Array {
  if (img instanceof Float32Array) return img;
  const shape = [1, ...imgShape] as const;
  return normaliseImagesCpu(packImages([img], shape), shape);
}

/** The buffers of a sample, for `postMessage`'s transfer list. */
export function transferablesOf(sample: Sample): ArrayBuffer[] {
  const { img } = sample;
  const pixels = img instanceof Float32Array ? img : img.bytes;
  const arrays = [pixels, sample.gtBboxes, sample.gtLabels, sample.gtBboxesIgnore];
  const buffers = arrays.flatMap((array) => (array ? [array.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}

/** Put samples into one batch, padded to the largest height and width. Source: mmcv 1.7.2 `collate`. */
export function collate(samples: readonly Sample[]): Batch {
  let [height, width] = [0, 0];
  for (const { imgShape } of samples) {
    height = Math.max(height, imgShape[0]);
    width = Math.max(width, imgShape[1]);
  }
  const channels = at(samples, 0).imgShape[2];
  const shape = [samples.length, height, width, channels] as const;
  return {
    img: collateImages(samples, shape),
    shape,
    gtBboxes: samples.map((s) => s.gtBboxes ?? new Float32Array(0)),
    gtLabels: samples.map((s) => s.gtLabels ?? new Int32Array(0)),
    gtBboxesIgnore: samples.map((s) => s.gtBboxesIgnore ?? new Float32Array(0)),
    imgMetas: samples.map((s) => ({ ...s.imgMeta, batch_input_shape: [height, width] as const })),
  };
}

/** Pictures of different tables (datasets of several pipelines), or some of them float32, meet as float32. */
function collateImages(samples: readonly Sample[], shape: ImageBatchShape): Float32Array | PackedImages {
  const packed = samples.flatMap(({ img }) => (img instanceof Float32Array ? [] : [img]));
  if (packed.length === samples.length && haveOneTable(packed)) return packImages(packed, shape);
  const [, height, width, channels] = shape;
  const img = new Float32Array(samples.length * height * width * channels);
  samples.forEach((sample, b) => {
    const [h, w] = sample.imgShape;
    const rowLength = w * channels;
    const pixels = pixelsOf(sample);
    for (let y = 0; y < h; y++) {
      const row = pixels.subarray(y * rowLength, (y + 1) * rowLength);
      img.set(row, (b * height + y) * width * channels);
    }
  });
  return img;
}
