// How far in the middle of its box a point lies. Source: Tian et al., "FCOS", 2019, equation 3.

import { f32At } from '../../util/at.ts';

/**
 * sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)) in float32.
 * @param distances float32 [N, 4]: left, top, right, bottom; of points inside their boxes
 * @param isObject what is no object gets 0
 * @returns float32 [N], in [0, 1]
 */
export function centerness(distances: Float32Array, isObject: (i: number) => boolean): Float32Array {
  const f = Math.fround;
  return Float32Array.from({ length: distances.length / 4 }, (_, i) => {
    if (!isObject(i)) return 0;
    const [l, t, r, b] = [0, 1, 2, 3].map((k) => f32At(distances, i * 4 + k)) as [
      number,
      number,
      number,
      number,
    ];
    return Math.sqrt(f(f(Math.min(l, r) / Math.max(l, r)) * f(Math.min(t, b) / Math.max(t, b))));
  });
}
