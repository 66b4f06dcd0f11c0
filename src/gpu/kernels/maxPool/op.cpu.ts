// Reference of max pooling: value and winning input index of each output.
import type { PoolShape } from './op.wgsl.ts';
import { at as itemAt } from '../../../util/at.ts';

export function maxPoolCpu(s: PoolShape, x: ArrayLike<number>): { y: Float64Array; winner: Int32Array } {
  const size = s.batch * s.outH * s.outW * s.channels;
  const y = new Float64Array(size);
  const winner = new Int32Array(size).fill(-1);
  for (let o = 0; o < size; o += 1) {
    const c = o % s.channels;
    const ow = Math.floor(o / s.channels) % s.outW;
    const oh = Math.floor(o / s.channels / s.outW) % s.outH;
    const b = Math.floor(o / s.channels / s.outW / s.outH);
    y[o] = -Infinity;
    for (let kh = 0; kh < s.kernel[0]; kh += 1)
      for (let kw = 0; kw < s.kernel[1]; kw += 1) {
        const ih = oh * s.stride[0] + kh - s.padding[0];
        const iw = ow * s.stride[1] + kw - s.padding[1];
        if (ih < 0 || ih >= s.inH || iw < 0 || iw >= s.inW) continue;
        const at = ((b * s.inH + ih) * s.inW + iw) * s.channels + c;
        const isNewNaN = Number.isNaN(x[at]) && !Number.isNaN(y[o]);
        if (itemAt(winner, o) < 0 || itemAt(x, at) > itemAt(y, o) || isNewNaN) {
          y[o] = itemAt(x, at);
          winner[o] = at;
        }
      }
  }
  return { y, winner };
}

/** Reference of pooling to a size: value and winning input index of each output. */
export function adaptiveMaxPoolCpu(
  [batch = 0, inH = 0, inW = 0, channels = 0]: readonly number[],
  [outH, outW]: readonly [number, number],
  x: ArrayLike<number>,
): { y: Float64Array; winner: Int32Array } {
  const y = new Float64Array(batch * outH * outW * channels);
  const winner = new Int32Array(y.length);
  const from = (o: number, size: number, count: number): number => Math.floor((o * size) / count);
  const to = (o: number, size: number, count: number): number => Math.ceil(((o + 1) * size) / count);
  for (let o = 0; o < y.length; o += 1) {
    const c = o % channels;
    const ow = Math.floor(o / channels) % outW;
    const oh = Math.floor(o / channels / outW) % outH;
    const b = Math.floor(o / channels / outW / outH);
    y[o] = -Infinity;
    winner[o] = -1;
    for (let ih = from(oh, inH, outH); ih < to(oh, inH, outH); ih += 1)
      for (let iw = from(ow, inW, outW); iw < to(ow, inW, outW); iw += 1) {
        const place = ((b * inH + ih) * inW + iw) * channels + c;
        const isBetter = itemAt(winner, o) < 0 || itemAt(x, place) > itemAt(y, o);
        if (!isBetter && !(Number.isNaN(x[place]) && !Number.isNaN(y[o]))) continue;
        y[o] = itemAt(x, place);
        winner[o] = place;
      }
  }
  return { y, winner };
}
