// WGSL of average pooling: one thread per output value (forward) or input value (gradient), channels fastest, as in maxPool.
import { bindings, flatMain, type Program } from '../../dispatch/program.ts';
import { constants, keyOf, POOL_UNIFORMS, typeOf, type PoolShape } from '../maxPool/op.wgsl.ts';

// How many values the window at (oh, ow) is divided by. What of a window lies behind the padding never counts.
const DIVISOR = (countsPadding: boolean): string => {
  const cells = (axis: 'H' | 'W'): string => {
    const start = `i32(o${axis} * stride${axis}) - i32(pad${axis})`;
    return countsPadding
      ? `min(${start} + i32(kernel${axis}), i32(u.in${axis} + pad${axis})) - (${start})`
      : `min(${start} + i32(kernel${axis}), i32(u.in${axis})) - max(${start}, 0)`;
  };
  return `fn divisor(oH: u32, oW: u32) -> f32 { return f32((${cells('H')}) * (${cells('W')})); }`;
};

const key = (shape: PoolShape, countsPadding: boolean, width: 1 | 4): string =>
  `${keyOf(shape, width)}${countsPadding ? ' padded' : ''}`;

/** Reads x; writes y. Each thread makes `width` channels. */
export function forwardProgram(shape: PoolShape, countsPadding: boolean, width: 1 | 4): Program {
  const F = typeOf('f32', width);
  return {
    key: `avgPool2d ${key(shape, countsPadding, width)}`,
    source: () => `${bindings({ x: F }, { y: F }, POOL_UNIFORMS)}
${constants(shape)}
${DIVISOR(countsPadding)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.outW;
  let ow = pixel % u.outW;
  let oh = row % u.outH;
  let b = row / u.outH;
  var acc = ${F}();
  for (var kh = 0u; kh < kernelH; kh++) {
    let ih = i32(oh * strideH + kh) - i32(padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    for (var kw = 0u; kw < kernelW; kw++) {
      let iw = i32(ow * strideW + kw) - i32(padW);
      if (iw < 0 || iw >= i32(u.inW)) { continue; }
      acc += x[((b * u.inH + u32(ih)) * u.inW + u32(iw)) * u.channels + c];
    }
  }
  y[i] = acc / divisor(oh, ow);`)}`,
  };
}

/** Reads dy; writes dx. Each thread makes `width` channels of the few windows that hold its pixel, in row-major order. */
export function inputGradProgram(shape: PoolShape, countsPadding: boolean, width: 1 | 4): Program {
  const F = typeOf('f32', width);
  const { kernel, stride } = shape;
  const windows = (axis: 0 | 1): number => Math.ceil(kernel[axis] / stride[axis]);
  return {
    key: `avgPool2dInputGrad ${key(shape, countsPadding, width)}`,
    source: () => `${bindings({ dy: F }, { dx: F }, POOL_UNIFORMS)}
${constants(shape)}
${DIVISOR(countsPadding)}
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
      acc += dy[((b * u.outH + oh) * u.outW + ow) * u.channels + c] / divisor(oh, ow);
    }
  }
  dx[i] = acc;`)}`,
  };
}
