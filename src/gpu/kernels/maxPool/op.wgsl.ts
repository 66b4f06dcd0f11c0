// WGSL of max pooling. One thread per output value (forward) or input value (gradient), channels fastest. The gradient
// visits the few windows that hold the pixel, in row-major order: no atomics.
import { bindings, flatMain, type Program } from '../../program.ts';
import type { Pair } from '../conv2d/shape.ts';

export interface PoolShape {
  readonly batch: number;
  readonly inH: number;
  readonly inW: number;
  readonly channels: number;
  readonly outH: number;
  readonly outW: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

const UNIFORMS = [
  ...['size', 'inH', 'inW', 'channels', 'outH', 'outW'],
  ...['kernelH', 'kernelW', 'strideH', 'strideW', 'padH', 'padW'],
]
  .map((name) => `${name}: u32`)
  .join(', ');

/** Words of the uniform buffer. `size` counts threads. */
export function poolUniforms(s: PoolShape, size: number): Uint32Array {
  return Uint32Array.of(
    size,
    s.inH,
    s.inW,
    s.channels,
    s.outH,
    s.outW,
    ...s.kernel,
    ...s.stride,
    ...s.padding,
  );
}

/** Reads x; writes y and the winning tap (kh * kernelW + kw). */
export const FORWARD: Program = {
  key: 'maxPool2d',
  source: () => `${bindings({ x: 'u32' }, { y: 'u32', winner: 'i32' }, UNIFORMS)}
// Floats as integers that order alike, NaN above all: comparisons of floats may be compiled as if NaN didn't exist.
fn order(bits: u32) -> i32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0x7fffffff; }
  // -0 and 0 are equal.
  if (bits == 0x80000000u) { return 0; }
  return select(i32(bits), -i32(bits & 0x7fffffffu), (bits & 0x80000000u) != 0u);
}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let ow = (i / u.channels) % u.outW;
  let oh = (i / u.channels / u.outW) % u.outH;
  let b = i / u.channels / u.outW / u.outH;
  var best = 0xff800000u;
  var bestOrder = 0i;
  var tap = -1;
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let ih = i32(oh * u.strideH + kh) - i32(u.padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    for (var kw = 0u; kw < u.kernelW; kw++) {
      let iw = i32(ow * u.strideW + kw) - i32(u.padW);
      if (iw < 0 || iw >= i32(u.inW)) { continue; }
      let v = x[((b * u.inH + u32(ih)) * u.inW + u32(iw)) * u.channels + c];
      let rank = order(v);
      if (tap < 0 || rank > bestOrder) {
        best = v;
        bestOrder = rank;
        tap = i32(kh * u.kernelW + kw);
      }
    }
  }
  y[i] = best;
  winner[i] = tap;`)}`,
};

/** Reads dy, winner; writes dx. */
export const INPUT_GRAD: Program = {
  key: 'maxPool2dInputGrad',
  source: () => `${bindings({ dy: 'f32', winner: 'i32' }, { dx: 'f32' }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pw = (i / u.channels) % u.inW + u.padW;
  let ph = (i / u.channels / u.inW) % u.inH + u.padH;
  let b = i / u.channels / u.inW / u.inH;
  // Windows with oh * stride <= ph < oh * stride + kernel.
  let firstH = select(0u, (ph - u.kernelH) / u.strideH + 1u, ph >= u.kernelH);
  let firstW = select(0u, (pw - u.kernelW) / u.strideW + 1u, pw >= u.kernelW);
  let endH = min(ph / u.strideH + 1u, u.outH);
  let endW = min(pw / u.strideW + 1u, u.outW);
  var acc = 0.0;
  for (var oh = firstH; oh < endH; oh++) {
    for (var ow = firstW; ow < endW; ow++) {
      let at = ((b * u.outH + oh) * u.outW + ow) * u.channels + c;
      let tap = (ph - oh * u.strideH) * u.kernelW + pw - ow * u.strideW;
      if (winner[at] == i32(tap)) { acc += dy[at]; }
    }
  }
  dx[i] = acc;`)}`,
};
