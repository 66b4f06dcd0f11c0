// IoU in float32 with MMDetection's NumPy rounding, for the VOC metrics and the proposal recall.

import { f32At } from '../util/at.ts';

/** Boxes as rows of a flat array. */
export interface BoxRows {
  /** float32 [N, stride], xyxy first, absolute px. */
  readonly data: Float32Array;
  /** 4, or 5 with a score. */
  readonly stride: 4 | 5;
}

const f = Math.fround;
const MIN_UNION = f(1e-6);

/** How many boxes there are. */
export function rowCount({ data, stride }: BoxRows): number {
  return data.length / stride;
}

/**
 * IoU of every pair, each step rounded to float32 as NumPy's float32 arrays are.
 * @param extra added to widths and heights: 0, or 1 for the legacy (inclusive pixel) coordinates
 * @returns float32 [A, B], a row per box of `a`
 * Source: mmdet 2.28.2 `bbox_overlaps`, mode 'iou'.
 */
export function boxOverlaps(a: BoxRows, b: BoxRows, extra: 0 | 1): Float32Array {
  const rows = rowCount(a);
  const columns = rowCount(b);
  const ious = new Float32Array(rows * columns);
  const areaB = Float32Array.from({ length: columns }, (_, j) => area(b.data, j * b.stride, extra));
  for (let i = 0; i < rows; i++) {
    const at = i * a.stride;
    const areaA = area(a.data, at, extra);
    for (let j = 0; j < columns; j++) {
      const bt = j * b.stride;
      const w = f(
        f(
          Math.min(f32At(a.data, at + 2), f32At(b.data, bt + 2)) -
            Math.max(f32At(a.data, at), f32At(b.data, bt)),
        ) + extra,
      );
      const h = f(
        f(
          Math.min(f32At(a.data, at + 3), f32At(b.data, bt + 3)) -
            Math.max(f32At(a.data, at + 1), f32At(b.data, bt + 1)),
        ) + extra,
      );
      const overlap = f(Math.max(w, 0) * Math.max(h, 0));
      const union = Math.max(f(f(areaA + f32At(areaB, j)) - overlap), MIN_UNION);
      ious[i * columns + j] = overlap / union;
    }
  }
  return ious;
}

function area(data: Float32Array, at: number, extra: 0 | 1): number {
  return f(
    f(f(f32At(data, at + 2) - f32At(data, at)) + extra) *
      f(f(f32At(data, at + 3) - f32At(data, at + 1)) + extra),
  );
}
