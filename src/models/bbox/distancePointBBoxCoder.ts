// Boxes as distances from a point to their sides. Source: mmdet 2.28.2 `core/bbox/coder/distance_point_bbox_coder.py`,
// `core/bbox/transforms.py`.

import { add, concat, mul, tensor, type Tensor } from '../../gpu/index.ts';
import { BBOX_CODERS, declareArgs, flag, optional, withDefaults, type ArgsOf } from '../../registry/index.ts';
import { f32At } from '../../util/at.ts';
import type { Boxes } from './iou.ts';

const DISTANCE_ARGS = declareArgs({
  clip_border: optional(flag, true, "Whether decoded boxes are clipped to the picture's border."),
});

/** Encodes a box as (left, top, right, bottom): how far its sides are from a point inside. */
export class DistancePointBBoxCoder {
  static readonly args = DISTANCE_ARGS;
  readonly #clipBorder: boolean;

  constructor(args: ArgsOf<typeof DISTANCE_ARGS> = {}) {
    this.#clipBorder = withDefaults(DISTANCE_ARGS, args).clipBorder;
  }

  /**
   * @param points float32 [N, 2], px @param boxes float32 [N, 4], xyxy, px
   * @param maxDistance distances are clamped to [0, maxDistance - eps]; null: they are not
   * @returns float32 [N, 4]
   */
  encode(points: Float32Array, boxes: Boxes, maxDistance: number | null = null, eps = 0.1): Float32Array {
    const out = new Float32Array(boxes.length);
    for (let k = 0; k < boxes.length; k++) {
      const point = f32At(points, (k >> 2) * 2 + (k & 1));
      const distance = (k & 3) < 2 ? point - f32At(boxes, k) : f32At(boxes, k) - point;
      out[k] =
        maxDistance === null ? distance : Math.min(Math.max(Math.fround(distance), 0), maxDistance - eps);
    }
    return out;
  }

  /**
   * @param points float32 [N, 2], px @param distances float32 [N, 4], px
   * @param maxShape [height, width, …] to clip to, px; null: no clipping
   * @returns float32 [N, 4], xyxy, px
   */
  decode(points: Float32Array, distances: Float32Array, maxShape: readonly number[] | null = null): Boxes {
    const out = new Float32Array(distances.length);
    for (let k = 0; k < distances.length; k++) {
      const point = f32At(points, (k >> 2) * 2 + (k & 1));
      const distance = f32At(distances, k);
      const side = (k & 3) < 2 ? point - distance : point + distance;
      const most = maxShape && this.#clipBorder ? maxShape[1 - (k & 1)] : undefined;
      out[k] = most === undefined ? side : Math.min(Math.max(side, 0), most);
    }
    return out;
  }

  /** The same, differentiable, without clipping. @param points float32 [N, 2] @param distances float32 [N, 4] */
  decodeTensor(points: Tensor, distances: Tensor): Tensor {
    const signs = tensor([-1, -1, 1, 1], [1, 4]);
    return add(concat([points, points], 1), mul(distances, signs));
  }
}

/** Centres of boxes: float32 [N, 2] of [N, 4], xyxy. */
export function centersOf(boxes: Boxes): Float32Array {
  return Float32Array.from({ length: boxes.length / 2 }, (_, i) => {
    const k = (i >> 1) * 4 + (i & 1);
    return (f32At(boxes, k) + f32At(boxes, k + 2)) / 2;
  });
}

BBOX_CODERS.registerModule()(DistancePointBBoxCoder);
