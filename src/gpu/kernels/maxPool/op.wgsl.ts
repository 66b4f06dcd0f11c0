// WGSL of max pooling. One thread per output value (forward) or input value (gradient), channels fastest. The gradient
// visits the few windows that hold the pixel, in row-major order: no atomics. Kernel, stride and padding are constants of
// the source, so that loops unroll and divisions become shifts: a net has one or two kinds of pooling.
import { bindings, flatMain, type Program } from '../../dispatch/program.ts';
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

/** Of the programs that pool. */
export const POOL_UNIFORMS = ['size', 'inH', 'inW', 'channels', 'outH', 'outW']
  .map((name) => `${name}: u32`)
  .join(', ');

/** Words of the uniform buffer. `size` counts threads, `channels` counts vec4s where four at a time are taken. */
export function poolUniforms(s: PoolShape, size: number, width: 1 | 4): Uint32Array {
  return Uint32Array.of(size, s.inH, s.inW, s.channels / width, s.outH, s.outW);
}

/**
 * WGSL: `fn order(bits: U) -> I`, floats as integers that order alike, NaN above all, -0 equal to 0: comparisons of floats
 * may be compiled as if NaN didn't exist.
 */
export const orderWgsl = (U: string, I: string): string => `
fn order(bits: ${U}) -> ${I} {
  let size = bits & ${U}(0x7fffffffu);
  let ordered = select(${I}(size), -${I}(size), (bits & ${U}(0x80000000u)) != ${U}(0u));
  return select(ordered, ${I}(0x7fffffff), size > ${U}(0x7f800000u));
}`;

export const typeOf = (scalar: string, width: 1 | 4): string => (width === 4 ? `vec4<${scalar}>` : scalar);

/** The part of a program's key that they make. */
export const keyOf = ({ kernel, stride, padding }: PoolShape, width: 1 | 4): string =>
  `k${kernel.join('x')} s${stride.join('x')} p${padding.join('x')} c${width}`;

/** WGSL: kernel, stride and padding by name. */
export function constants({ kernel, stride, padding }: PoolShape): string {
  const lines = Object.entries({ kernel, stride, pad: padding }).flatMap(([name, [h, w]]) => [
    `const ${name}H = ${h}u;`,
    `const ${name}W = ${w}u;`,
  ]);
  return lines.join(' ');
}

/** Reads x; writes y and the winning tap (kh * kernelW + kw). Each thread makes `width` channels. */
export function forwardProgram(shape: PoolShape, width: 1 | 4): Program {
  const [U, I] = [typeOf('u32', width), typeOf('i32', width)];
  return {
    key: `maxPool2d ${keyOf(shape, width)}`,
    source: () => `${bindings({ x: U }, { y: U, winner: I }, POOL_UNIFORMS)}
${constants(shape)}
${orderWgsl(U, I)}
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
  for (var kh = 0u; kh < kernelH; kh++) {
    let ih = i32(oh * strideH + kh) - i32(padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    for (var kw = 0u; kw < kernelW; kw++) {
      let iw = i32(ow * strideW + kw) - i32(padW);
      if (iw < 0 || iw >= i32(u.inW)) { continue; }
      let v = x[((b * u.inH + u32(ih)) * u.inW + u32(iw)) * u.channels + c];
      let rank = order(v);
      let isBetter = (tap < ${I}(0)) | (rank > bestOrder);
      best = select(best, v, isBetter);
      bestOrder = select(bestOrder, rank, isBetter);
      tap = select(tap, ${I}(i32(kh * kernelW + kw)), isBetter);
    }
  }
  y[i] = best;
  winner[i] = tap;`)}`,
  };
}

/** Reads dy, winner; writes dx. Each thread makes `width` channels. */
export function inputGradProgram(shape: PoolShape, width: 1 | 4): Program {
  const [F, I] = [typeOf('f32', width), typeOf('i32', width)];
  const { kernel, stride } = shape;
  const windows = (axis: 0 | 1): number => Math.ceil(kernel[axis] / stride[axis]);
  return {
    key: `maxPool2dInputGrad ${keyOf(shape, width)}`,
    source: () => `${bindings({ dy: F, winner: I }, { dx: F }, POOL_UNIFORMS)}
${constants(shape)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.inW;
  let pw = pixel % u.inW + padW;
  let ph = row % u.inH + padH;
  let b = row / u.inH;
  // Windows with oh * stride <= ph < oh * stride + kernel: the last that begins here and the few before it.
  let lastH = ph / strideH;
  let lastW = pw / strideW;
  var acc = ${F}();
  for (var backH = ${windows(0)}u; backH > 0u; backH--) {
    let oh = lastH + 1u - backH;
    // Below 0 a window wraps around to a huge index.
    if (oh >= u.outH || ph - oh * strideH >= kernelH) { continue; }
    for (var backW = ${windows(1)}u; backW > 0u; backW--) {
      let ow = lastW + 1u - backW;
      if (ow >= u.outW || pw - ow * strideW >= kernelW) { continue; }
      let at = ((b * u.outH + oh) * u.outW + ow) * u.channels + c;
      let tap = (ph - oh * strideH) * kernelW + pw - ow * strideW;
      acc += select(${F}(), dy[at], winner[at] == ${I}(i32(tap)));
    }
  }
  dx[i] = acc;`)}`,
  };
}
