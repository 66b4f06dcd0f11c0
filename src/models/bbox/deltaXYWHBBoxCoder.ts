// Boxes as offsets from anchors. Source: mmdet 2.28.2 `core/bbox/coder/delta_xywh_bbox_coder.py`.

import {
  add,
  clip,
  concat,
  div,
  exp,
  minimum,
  mul,
  slice,
  sub,
  tensor,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  BBOX_CODERS,
  declareArgs,
  flag,
  listOf,
  number,
  optional,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import type { Boxes } from './iou.ts';
import { at, f32At } from '../../util/at.ts';

const f = Math.fround;

const DELTA_ARGS = declareArgs({
  target_means: optional(listOf(number, 4), [0, 0, 0, 0], 'Subtracted from the offsets.'),
  target_stds: optional(listOf(number, 4), [1, 1, 1, 1], 'The offsets are divided by them.'),
  clip_border: optional(flag, true, "Whether decoded boxes are clipped to the picture's border."),
  add_ctr_clamp: optional(flag, false, 'Whether to limit how far a centre may move (YOLOF).'),
  ctr_clamp: optional(number, 32, 'That limit.', 'px'),
});

/** Encodes a box as (dx, dy, dw, dh): the centre's shift in anchor sizes and the log of the size ratio. */
export interface BBoxCoder {
  encode(boxes: Boxes, gtBoxes: Boxes): Float32Array;
  /** @param maxShape [height, width, …] to clip to, px; null: no clipping */
  decode(boxes: Boxes, deltas: Float32Array, maxShape: readonly number[] | null): Boxes;
  /** The same, differentiable, without clipping. float32 [N, 4] tensors. */
  decodeTensor(boxes: Tensor, deltas: Tensor): Tensor;
}

// The widest and narrowest boxes relative to their anchor: 16 / 1000.
const MAX_RATIO = f(Math.abs(Math.log(16 / 1000)));

export class DeltaXYWHBBoxCoder implements BBoxCoder {
  static readonly args = DELTA_ARGS;
  readonly #means: Float32Array;
  readonly #stds: Float32Array;
  readonly #clipBorder: boolean;
  readonly #ctrClamp: number | null;

  constructor(args: ArgsOf<typeof DELTA_ARGS> = {}) {
    const { targetMeans, targetStds, clipBorder, addCtrClamp, ctrClamp } = withDefaults(DELTA_ARGS, args);
    if (targetStds.includes(0))
      throw new ConfigError(`target_stds must not hold 0, but got [${targetStds.join(', ')}]`, {
        code: 'bad-value',
        hint: 'box offsets are divided by them',
      });
    this.#means = Float32Array.from(targetMeans);
    this.#stds = Float32Array.from(targetStds);
    this.#clipBorder = clipBorder;
    this.#ctrClamp = addCtrClamp ? ctrClamp : null;
  }

  /**
   * dx = (gx - px) / pw, dw = log(gw / pw), then (d - mean) / std.
   * @param boxes float32 [N, 4], xyxy, px @param gtBoxes float32 [N, 4], xyxy, px
   * @returns float32 [N, 4]
   */
  encode(boxes: Boxes, gtBoxes: Boxes): Float32Array {
    const out = new Float32Array(boxes.length);
    const [means, stds] = [this.#means, this.#stds];
    for (let k = 0; k < boxes.length; k += 4) {
      for (let axis = 0; axis < 2; axis++) {
        const [low, high] = [k + axis, k + axis + 2];
        const p = f(f(at(boxes, low) + at(boxes, high)) * 0.5);
        const pSize = f(at(boxes, high) - at(boxes, low));
        const g = f(f(at(gtBoxes, low) + at(gtBoxes, high)) * 0.5);
        const gSize = f(at(gtBoxes, high) - at(gtBoxes, low));
        const shift = f(f(g - p) / pSize);
        const grow = f(Math.log(f(gSize / pSize)));
        out[low] = f(shift - f32At(means, axis)) / f32At(stds, axis);
        out[high] = f(grow - f32At(means, axis + 2)) / f32At(stds, axis + 2);
      }
    }
    return out;
  }

  decode(boxes: Boxes, deltas: Float32Array, maxShape: readonly number[] | null): Boxes {
    const out = new Float32Array(boxes.length);
    const [means, stds] = [this.#means, this.#stds];
    const limits = this.#clipBorder && maxShape ? [maxShape[1], maxShape[0]] : null;
    for (let k = 0; k < boxes.length; k += 4) {
      for (let axis = 0; axis < 2; axis++) {
        const [low, high] = [k + axis, k + axis + 2];
        const d = f(f(f32At(deltas, low) * f32At(stds, axis)) + f32At(means, axis));
        let grow = f(f(f32At(deltas, high) * f32At(stds, axis + 2)) + f32At(means, axis + 2));
        const p = f(f(at(boxes, low) + at(boxes, high)) * 0.5);
        const pSize = f(at(boxes, high) - at(boxes, low));
        let shift = f(pSize * d);
        if (this.#ctrClamp !== null) {
          shift = clamp(shift, -this.#ctrClamp, this.#ctrClamp);
          grow = Math.min(grow, MAX_RATIO);
        } else grow = clamp(grow, -MAX_RATIO, MAX_RATIO);
        const center = f(p + shift);
        const half = f(f(pSize * f(Math.exp(grow))) * 0.5);
        const limit = limits?.[axis];
        out[low] = limit === undefined ? center - half : clamp(f(center - half), 0, limit);
        out[high] = limit === undefined ? center + half : clamp(f(center + half), 0, limit);
      }
    }
    return out;
  }

  decodeTensor(boxes: Tensor, deltas: Tensor): Tensor {
    const n = boxes.shape[0];
    const pair = (x: Tensor, from: number): Tensor => slice(x, [0, from], [n, 2]);
    const low = pair(boxes, 0);
    const size = sub(pair(boxes, 2), low);
    const center = mul(add(low, pair(boxes, 2)), 0.5);
    const isPlain = this.#means.every((v) => v === 0) && this.#stds.every((v) => v === 1);
    const raw = isPlain ? deltas : add(mul(deltas, tensor(this.#stds, [1, 4])), tensor(this.#means, [1, 4]));
    let shift = mul(size, pair(raw, 0));
    let grow = pair(raw, 2);
    if (this.#ctrClamp !== null) {
      shift = clip(shift, -this.#ctrClamp, this.#ctrClamp);
      grow = minimum(grow, MAX_RATIO);
    } else grow = clip(grow, -MAX_RATIO, MAX_RATIO);
    const newCenter = add(center, shift);
    const half = div(mul(size, exp(grow)), 2);
    return concat([sub(newCenter, half), add(newCenter, half)], 1);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

BBOX_CODERS.registerModule()(DeltaXYWHBBoxCoder);
