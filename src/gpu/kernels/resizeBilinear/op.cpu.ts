// Reference of bilinear resizing and its gradient, in float64.
import { at, take } from '../../../util/at.ts';
import { resizeSteps, type ResizeOptions } from './op.ts';

type Values = ArrayLike<number>;
type Shape = readonly number[];
type Size = readonly [number, number];

interface Tap {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

/** Every (input, output, weight) of one picture of one channel. */
function taps(shape: Shape, size: Size, options: ResizeOptions): Tap[] {
  const [, inH, inW] = take(shape, 3);
  const steps = resizeSteps([inH, inW], size, options);
  const axis = (o: number, step: number, count: number): [number, number][] => {
    const place = options.alignCorners ? step * o : Math.max(step * (o + 0.5) - 0.5, 0);
    const first = Math.min(Math.floor(place), count - 1);
    const share = Math.min(Math.max(place - first, 0), 1);
    return [
      [first, 1 - share],
      [Math.min(first + 1, count - 1), share],
    ];
  };
  const found: Tap[] = [];
  for (let oh = 0; oh < size[0]; oh++)
    for (let ow = 0; ow < size[1]; ow++)
      for (const [ih, down] of axis(oh, steps[0], inH))
        for (const [iw, across] of axis(ow, steps[1], inW))
          found.push({ from: ih * inW + iw, to: oh * size[1] + ow, weight: down * across });
  return found;
}

/** x [B, H, W, C] to [B, outH, outW, C]. */
export function resizeCpu(x: Values, shape: Shape, size: Size, options: ResizeOptions): Float64Array {
  const [batch, inH, inW, channels] = take(shape, 4);
  const y = new Float64Array(batch * size[0] * size[1] * channels);
  for (const { from, to, weight } of taps(shape, size, options))
    for (let b = 0; b < batch; b++)
      for (let c = 0; c < channels; c++) {
        const place = (b * size[0] * size[1] + to) * channels + c;
        y[place] = at(y, place) + weight * at(x, (b * inH * inW + from) * channels + c);
      }
  return y;
}

/** dx [B, H, W, C] from dy [B, outH, outW, C]. */
export function resizeGradCpu(dy: Values, shape: Shape, size: Size, options: ResizeOptions): Float64Array {
  const [batch, inH, inW, channels] = take(shape, 4);
  const dx = new Float64Array(batch * inH * inW * channels);
  for (const { from, to, weight } of taps(shape, size, options))
    for (let b = 0; b < batch; b++)
      for (let c = 0; c < channels; c++) {
        const place = (b * inH * inW + from) * channels + c;
        dx[place] = at(dx, place) + weight * at(dy, (b * size[0] * size[1] + to) * channels + c);
      }
  return dx;
}
