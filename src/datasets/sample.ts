// What leaves a dataset: plain arrays that can be transferred between workers.

import { ConfigError } from '../errors/trainerError.ts';
import type { ImageShape, ImgMeta, Results } from './pipelines/results.ts';

/** One picture, ready to be batched. */
export interface Sample {
  /** float32 [H, W, C]. */
  readonly img: Float32Array;
  /** Shape of `img`: after padding. */
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
  /** float32 [B, H, W, C], smaller pictures padded with zeros at the right and the bottom. */
  readonly img: Float32Array;
  readonly shape: readonly [batch: number, height: number, width: number, channels: number];
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
    img: img.data instanceof Float32Array ? img.data : Float32Array.from(img.data),
    imgShape: img.shape,
    gtBboxes: results.gt_bboxes,
    gtLabels: results.gt_labels,
    gtBboxesIgnore: results.gt_bboxes_ignore,
    imgMeta: img_metas,
  };
}

/** The buffers of a sample, for `postMessage`'s transfer list. */
export function transferablesOf(sample: Sample): ArrayBuffer[] {
  const arrays = [sample.img, sample.gtBboxes, sample.gtLabels, sample.gtBboxesIgnore];
  const buffers = arrays.flatMap((array) => (array ? [array.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}

/** Put samples into one batch, padded to the largest height and width. Source: mmcv 1.7.2 `collate`. */
export function collate(samples: readonly Sample[]): Batch {
  const height = Math.max(...samples.map((s) => s.imgShape[0]));
  const width = Math.max(...samples.map((s) => s.imgShape[1]));
  const channels = samples[0].imgShape[2];
  const img = new Float32Array(samples.length * height * width * channels);
  samples.forEach((sample, b) => {
    const [h, w] = sample.imgShape;
    const rowLength = w * channels;
    for (let y = 0; y < h; y++) {
      const row = sample.img.subarray(y * rowLength, (y + 1) * rowLength);
      img.set(row, (b * height + y) * width * channels);
    }
  });
  return {
    img,
    shape: [samples.length, height, width, channels],
    gtBboxes: samples.map((s) => s.gtBboxes ?? new Float32Array(0)),
    gtLabels: samples.map((s) => s.gtLabels ?? new Int32Array(0)),
    gtBboxesIgnore: samples.map((s) => s.gtBboxesIgnore ?? new Float32Array(0)),
    imgMetas: samples.map((s) => ({ ...s.imgMeta, batch_input_shape: [height, width] as const })),
  };
}
