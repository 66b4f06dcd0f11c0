import { take } from '../../../util/at.ts';
// Reference of nearest upsampling: the input index each output reads.

export function upsampleIndices(x: readonly number[], size: readonly [number, number]): Int32Array {
  const [batch, inH, inW, channels] = take(x, 4);
  const [outH, outW] = size;
  return Int32Array.from({ length: batch * outH * outW * channels }, (_, i) => {
    const c = i % channels;
    const iw = Math.floor(((Math.floor(i / channels) % outW) * inW) / outW);
    const ih = Math.floor(((Math.floor(i / channels / outW) % outH) * inH) / outH);
    const b = Math.floor(i / channels / outW / outH);
    return ((b * inH + ih) * inW + iw) * channels + c;
  });
}
