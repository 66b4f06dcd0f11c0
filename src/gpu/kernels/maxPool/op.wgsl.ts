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

/** Words of the uniform buffer. `size` counts threads, `channels` counts vec4s where four at a time are taken. */
export function poolUniforms(s: PoolShape, size: number, width: 1 | 4): Uint32Array {
  const { inH, inW, channels, outH, outW } = s;
  return Uint32Array.of(size, inH, inW, channels / width, outH, outW, ...s.kernel, ...s.stride, ...s.padding);
}

const typeOf = (scalar: string, width: 1 | 4): string => (width === 4 ? `vec4<${scalar}>` : scalar);

/** Reads x; writes y and the winning tap (kh * kernelW + kw). Each thread makes `width` channels. */
export function forwardProgram(width: 1 | 4): Program {
  const [U, I] = [typeOf('u32', width), typeOf('i32', width)];
  return {
    key: `maxPool2d c${width}`,
    source: () => `${bindings({ x: U }, { y: U, winner: I }, UNIFORMS)}
// Floats as integers that order alike, NaN above all, -0 equal to 0: comparisons of floats may be compiled as if NaN
// didn't exist.
fn order(bits: ${U}) -> ${I} {
  let size = bits & ${U}(0x7fffffffu);
  let ordered = select(${I}(size), -${I}(size), (bits & ${U}(0x80000000u)) != ${U}(0u));
  return select(ordered, ${I}(0x7fffffff), size > ${U}(0x7f800000u));
}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.outW;
  let ow = pixel % u.outW;
  let oh = row % u.outH;
  let b = row / u.outH;
  var best = ${U}(0xff800000u);
  var bestOrder = ${I}(0);
  var tap = ${I}(-1);
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let ih = i32(oh * u.strideH + kh) - i32(u.padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    for (var kw = 0u; kw < u.kernelW; kw++) {
      let iw = i32(ow * u.strideW + kw) - i32(u.padW);
      if (iw < 0 || iw >= i32(u.inW)) { continue; }
      let v = x[((b * u.inH + u32(ih)) * u.inW + u32(iw)) * u.channels + c];
      let rank = order(v);
      let isBetter = (tap < ${I}(0)) | (rank > bestOrder);
      best = select(best, v, isBetter);
      bestOrder = select(bestOrder, rank, isBetter);
      tap = select(tap, ${I}(i32(kh * u.kernelW + kw)), isBetter);
    }
  }
  y[i] = best;
  winner[i] = tap;`)}`,
  };
}

/** Reads dy, winner; writes dx. Each thread makes `width` channels. */
export function inputGradProgram(width: 1 | 4): Program {
  const [F, I] = [typeOf('f32', width), typeOf('i32', width)];
  return {
    key: `maxPool2dInputGrad c${width}`,
    source: () => `${bindings({ dy: F, winner: I }, { dx: F }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.inW;
  let pw = pixel % u.inW + u.padW;
  let ph = row % u.inH + u.padH;
  let b = row / u.inH;
  // Windows with oh * stride <= ph < oh * stride + kernel.
  let firstH = select(0u, (ph - u.kernelH) / u.strideH + 1u, ph >= u.kernelH);
  let firstW = select(0u, (pw - u.kernelW) / u.strideW + 1u, pw >= u.kernelW);
  let endH = min(ph / u.strideH + 1u, u.outH);
  let endW = min(pw / u.strideW + 1u, u.outW);
  var acc = ${F}();
  for (var oh = firstH; oh < endH; oh++) {
    for (var ow = firstW; ow < endW; ow++) {
      let at = ((b * u.outH + oh) * u.outW + ow) * u.channels + c;
      let tap = (ph - oh * u.strideH) * u.kernelW + pw - ow * u.strideW;
      acc += select(${F}(), dy[at], winner[at] == ${I}(i32(tap)));
    }
  }
  dx[i] = acc;`)}`,
  };
}
