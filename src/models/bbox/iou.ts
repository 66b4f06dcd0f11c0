// Overlaps of boxes on the CPU, rounded to float32 after every operation as PyTorch does, so that ties fall as there.
// Source: mmdet 2.28.2 `core/bbox/iou_calculators/iou2d_calculator.py`.

import { absent, declareArgs, IOU_CALCULATORS, number, unsupported } from '../../registry/index.ts';
import { f32At, take } from '../../util/at.ts';

const f = Math.fround;

/** `iou`: intersection over union; `iof`: over the first box's area; `giou`: iou minus the empty share of the hull. */
export type OverlapMode = 'iou' | 'iof' | 'giou';

/** Boxes, flat float32 [N, 4], xyxy, absolute px. */
export type Boxes = Float32Array;

/** How two sets of boxes overlap. */
export interface IouCalculator {
  /** @returns float32 [N, M], row by row. */
  overlaps(a: Boxes, b: Boxes, mode?: OverlapMode): Float32Array;
}

/**
 * Overlap of every box of `a` with every box of `b`.
 * @param a float32 [N, 4], xyxy @param b float32 [M, 4], xyxy
 * @param eps smallest union and hull area
 * @returns float32 [N, M], row by row
 */
export function bboxOverlaps(a: Boxes, b: Boxes, mode: OverlapMode = 'iou', eps = 1e-6): Float32Array {
  const n = a.length / 4;
  const m = b.length / 4;
  const out = new Float32Array(n * m);
  const areaB = boxAreas(b);
  const areaA = boxAreas(a);
  for (let i = 0; i < n; i++) {
    const [x1, y1, x2, y2] = take(a.subarray(i * 4, i * 4 + 4), 4);
    for (let j = 0, q = 0; j < m; j++, q += 4) {
      // Most pairs are apart, where all but GIoU are exactly 0.
      const isApart =
        f32At(b, q) >= x2 || f32At(b, q + 2) <= x1 || f32At(b, q + 1) >= y2 || f32At(b, q + 3) <= y1;
      if (isApart && mode !== 'giou') continue;
      out[i * m + j] = overlap(a, i, b, j, f32At(areaA, i), f32At(areaB, j), mode, f(eps));
    }
  }
  return out;
}

/** Overlap of box i of `a` with box i of `b`. @returns float32 [N] */
export function alignedOverlaps(a: Boxes, b: Boxes, mode: OverlapMode = 'iou', eps = 1e-6): Float32Array {
  const areaA = boxAreas(a);
  const areaB = boxAreas(b);
  return areaA.map((area, i) => overlap(a, i, b, i, area, f32At(areaB, i), mode, f(eps)));
}

/** (x2 - x1) (y2 - y1). @returns float32 [N] */
export function boxAreas(boxes: Boxes): Float32Array {
  const areas = new Float32Array(boxes.length / 4);
  for (let i = 0, k = 0; i < areas.length; i++, k += 4)
    areas[i] = f(f32At(boxes, k + 2) - f32At(boxes, k)) * f(f32At(boxes, k + 3) - f32At(boxes, k + 1));
  return areas;
}

function overlap(
  a: Boxes,
  i: number,
  b: Boxes,
  j: number,
  areaA: number,
  areaB: number,
  mode: OverlapMode,
  eps: number,
): number {
  const p = i * 4;
  const q = j * 4;
  const w = Math.max(f(Math.min(f32At(a, p + 2), f32At(b, q + 2)) - Math.max(f32At(a, p), f32At(b, q))), 0);
  const h = Math.max(
    f(Math.min(f32At(a, p + 3), f32At(b, q + 3)) - Math.max(f32At(a, p + 1), f32At(b, q + 1))),
    0,
  );
  const inter = f(w * h);
  if (mode === 'iof') return f(inter / Math.max(areaA, eps));
  const union = Math.max(f(f(areaA + areaB) - inter), eps);
  const iou = f(inter / union);
  if (mode === 'iou') return iou;
  const hullW = Math.max(
    f(Math.max(f32At(a, p + 2), f32At(b, q + 2)) - Math.min(f32At(a, p), f32At(b, q))),
    0,
  );
  const hullH = Math.max(
    f(Math.max(f32At(a, p + 3), f32At(b, q + 3)) - Math.min(f32At(a, p + 1), f32At(b, q + 1))),
    0,
  );
  const hull = Math.max(f(hullW * hullH), eps);
  return f(iou - f(f(hull - union) / hull));
}

const OVERLAPS_ARGS = declareArgs({
  scale: absent(number, 'Changes nothing without fp16.'),
  dtype: absent(unsupported('fp32'), "Overlaps in 'fp16'; they are computed in float32 on the CPU."),
});

/** MMDetection's IoU calculator of axis-aligned boxes. */
export class BboxOverlaps2D implements IouCalculator {
  static readonly args = OVERLAPS_ARGS;

  overlaps(a: Boxes, b: Boxes, mode: OverlapMode = 'iou'): Float32Array {
    return bboxOverlaps(a, b, mode);
  }
}

IOU_CALCULATORS.registerModule()(BboxOverlaps2D);
