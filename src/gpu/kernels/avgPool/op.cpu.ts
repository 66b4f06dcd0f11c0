// Reference of average pooling and its gradient, in float64.
import { at } from '../../../util/at.ts';
import type { PoolShape } from '../maxPool/op.wgsl.ts';

type Values = ArrayLike<number>;

/** Every (input, output, share) of a pooling. */
function forEachShare(
  s: PoolShape,
  countIncludePad: boolean,
  visit: (x: number, y: number, share: number) => void,
): void {
  const size = [s.inH, s.inW] as const;
  const axis = (o: number, a: 0 | 1): { from: number; to: number; count: number } => {
    const start = o * s.stride[a] - s.padding[a];
    const end = Math.min(start + s.kernel[a], size[a] + s.padding[a]);
    const [from, to] = [Math.max(start, 0), Math.min(end, size[a])];
    return { from, to, count: countIncludePad ? end - start : to - from };
  };
  for (let b = 0; b < s.batch; b += 1)
    for (let oh = 0; oh < s.outH; oh += 1)
      for (let ow = 0; ow < s.outW; ow += 1) {
        const [rows, columns] = [axis(oh, 0), axis(ow, 1)];
        for (let ih = rows.from; ih < rows.to; ih += 1)
          for (let iw = columns.from; iw < columns.to; iw += 1)
            for (let c = 0; c < s.channels; c += 1)
              visit(
                ((b * s.inH + ih) * s.inW + iw) * s.channels + c,
                ((b * s.outH + oh) * s.outW + ow) * s.channels + c,
                1 / (rows.count * columns.count),
              );
      }
}

/** y [B, outH, outW, C]. */
export function avgPoolCpu(s: PoolShape, countIncludePad: boolean, x: Values): Float64Array {
  const y = new Float64Array(s.batch * s.outH * s.outW * s.channels);
  forEachShare(s, countIncludePad, (xi, yi, share) => (y[yi] = at(y, yi) + share * at(x, xi)));
  return y;
}

/** dx [B, H, W, C]. */
export function avgPoolGradCpu(s: PoolShape, countIncludePad: boolean, dy: Values): Float64Array {
  const dx = new Float64Array(s.batch * s.inH * s.inW * s.channels);
  forEachShare(s, countIncludePad, (xi, yi, share) => (dx[xi] = at(dx, xi) + share * at(dy, yi)));
  return dx;
}
