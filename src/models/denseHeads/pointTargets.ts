// What each point of FCOS should predict. Source: mmdet 2.28.2 `models/dense_heads/fcos_head.py` `_get_target_single`.

import { at, f32At, i32At } from '../../util/at.ts';

export interface PointRules {
  /** Which sizes each level answers for: (least, most) of the largest side distance, px. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly strides: readonly number[];
  readonly numClasses: number;
  /** Only points within so many strides of a box's centre answer for it; null: all inside. */
  readonly centerRadius: number | null;
  /** Distances are told in strides. */
  readonly isNormalised: boolean;
}

export interface PointTargets {
  /** int32 [N]; `numClasses` is background. */
  readonly labels: Int32Array;
  /** float32 [N, 4]: left, top, right, bottom. */
  readonly distances: Float32Array;
}

const f = Math.fround;

/**
 * Targets of one picture, level by level: a point answers for the smallest box around it whose size is its level's.
 * @param points float32 [N, 2] of each level, px @param boxes float32 [G, 4], xyxy, px @param gtLabels int32 [G]
 */
export function pointTargets(
  points: readonly Float32Array[],
  boxes: Float32Array,
  gtLabels: Int32Array,
  rules: PointRules,
): PointTargets[] {
  const count = gtLabels.length;
  const areas = Float32Array.from({ length: count }, (_, g) => {
    const [x1, y1, x2, y2] = boxOf(boxes, g);
    return f(f(x2 - x1) * f(y2 - y1));
  });
  return points.map((level, i) => {
    const [least, most] = at(rules.ranges, i);
    const stride = at(rules.strides, i);
    const n = level.length / 2;
    const labels = new Int32Array(n).fill(rules.numClasses);
    const distances = new Float32Array(n * 4);
    for (let p = 0; p < n; p++) {
      const [x, y] = [f32At(level, p * 2), f32At(level, p * 2 + 1)];
      let smallest = Infinity;
      for (let g = 0; g < count; g++) {
        const [x1, y1, x2, y2] = boxOf(boxes, g);
        const sides = [f(x - x1), f(y - y1), f(x2 - x), f(y2 - y)] as const;
        // Without an object MMDetection still gives the distances to the first box; nobody looks at them.
        const largest = Math.max(...sides);
        if (!(isInside(x, y, [x1, y1, x2, y2], sides, rules, stride) && largest >= least && largest <= most))
          continue;
        const area = f32At(areas, g);
        if (area >= smallest) continue;
        smallest = area;
        labels[p] = i32At(gtLabels, g);
        distances.set(rules.isNormalised ? sides.map((side) => side / stride) : sides, p * 4);
      }
    }
    return { labels, distances };
  });
}

type Box = readonly [number, number, number, number];

function boxOf(boxes: Float32Array, g: number): Box {
  return [f32At(boxes, g * 4), f32At(boxes, g * 4 + 1), f32At(boxes, g * 4 + 2), f32At(boxes, g * 4 + 3)];
}

function isInside(
  x: number,
  y: number,
  [x1, y1, x2, y2]: Box,
  sides: Box,
  { centerRadius }: PointRules,
  stride: number,
): boolean {
  if (centerRadius === null) return Math.min(...sides) > 0;
  // A square around the centre, cut off at the box.
  const radius = f(stride * centerRadius);
  const [centerX, centerY] = [f(f(x1 + x2) / 2), f(f(y1 + y2) / 2)];
  const left = Math.max(f(centerX - radius), x1);
  const top = Math.max(f(centerY - radius), y1);
  const right = Math.min(f(centerX + radius), x2);
  const bottom = Math.min(f(centerY + radius), y2);
  return Math.min(f(x - left), f(y - top), f(right - x), f(bottom - y)) > 0;
}
