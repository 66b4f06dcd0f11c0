// Bilinear resizing as torch's `interpolate(mode='bilinear')`, without antialiasing. Source: ATen `UpSampleBilinear2d`.
import { invariant } from '../../../errors/index.ts';
import { take } from '../../../util/at.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runOp } from '../../tensor/tape.ts';
import type { Pair } from '../conv2d/shape.ts';

export interface ResizeOptions {
  /** Whether the corners' centres stay where they are; torch's default is false. */
  readonly alignCorners?: boolean;
  /**
   * What torch is given as `scale_factor`, for each axis: pixels are placed by it instead of by the sizes, which differs where
   * a size doesn't divide. Without effect with `alignCorners`.
   */
  readonly scale?: Pair;
}

/**
 * Resize x [B, H, W, C] to `size` = [outH, outW], up or down.
 * @returns float32 [B, outH, outW, C], new
 */
export function resizeBilinear2d(x: Tensor, size: Pair, options: ResizeOptions = {}): Tensor {
  const [batch, inH, inW, channels] = take(x.shape, 4);
  const [outH, outW] = size;
  invariant(outH > 0 && outW > 0, `resizing to ${outH} x ${outW}`);
  const width = channels % 4 === 0 ? 4 : 1;
  const isAligned = options.alignCorners ?? false;
  const steps = Float32Array.of(...resizeSteps([inH, inW], size, options));
  const stepWords = new Uint32Array(steps.buffer);
  const run = (program: Program, source: Tensor, target: Tensor): Tensor => {
    if (target.size === 0) return target;
    runProgram(program, {
      reads: [source],
      writes: [target],
      uniforms: Uint32Array.of(target.size / width, inH, inW, channels / width, outH, outW, ...stepWords),
      areUniformsStatic: true,
      grid: spread(target.size / width / 64),
    });
    return target;
  };
  const [y] = runOp({
    inputs: { x },
    forward: () => [run(forwardProgram(width, isAligned), x, emptyTensor([batch, outH, outW, channels]))],
    backward: ([dy]) => ({ x: () => run(inputGradProgram(width, isAligned), dy, emptyTensor(x.shape)) }),
  });
  return y;
}

/** Input pixels that one output pixel is apart from the next, for each axis. */
export function resizeSteps(from: Pair, to: Pair, { alignCorners = false, scale }: ResizeOptions): Pair {
  const step = (axis: 0 | 1): number => {
    if (alignCorners) return to[axis] > 1 ? (from[axis] - 1) / (to[axis] - 1) : 0;
    return scale ? 1 / scale[axis] : from[axis] / to[axis];
  };
  return [step(0), step(1)];
}

const UNIFORMS = 'size: u32, inH: u32, inW: u32, channels: u32, outH: u32, outW: u32, stepH: f32, stepW: f32';

const typeOf = (width: 1 | 4): string => (width === 4 ? 'vec4f' : 'f32');

// Where an output pixel reads: the two input pixels and the share of the second.
function helpers(isAligned: boolean): string {
  const place = isAligned ? 'step * f32(o)' : 'max(step * (f32(o) + 0.5) - 0.5, 0.0)';
  return `
struct Tap { first: u32, second: u32, share: f32 }
fn tapOf(o: u32, step: f32, count: u32) -> Tap {
  let place = ${place};
  let first = min(u32(place), count - 1u);
  return Tap(first, min(first + 1u, count - 1u), clamp(place - f32(first), 0.0, 1.0));
}
fn shareOf(o: u32, step: f32, count: u32, i: u32) -> f32 {
  let tap = tapOf(o, step, count);
  return select(0.0, 1.0 - tap.share, tap.first == i) + select(0.0, tap.share, tap.second == i);
}
// The first and the last output pixel that may read input pixel i, and a few more.
fn readers(i: u32, step: f32, count: u32, outs: u32) -> vec2u {
  if (step <= 0.0) { return vec2u(0u, outs - 1u); }
  let low = max((f32(i) - 1.0) / step - 2.0, 0.0);
  let high = select((f32(i) + 2.0) / step + 2.0, f32(outs - 1u), i == count - 1u);
  return vec2u(select(u32(low), 0u, i == 0u), min(u32(high), outs - 1u));
}`;
}

// Reads x; writes y. Each thread makes `width` channels of one output pixel.
function forwardProgram(width: 1 | 4, isAligned: boolean): Program {
  return {
    key: `resizeBilinear2d c${width}${isAligned ? ' aligned' : ''}`,
    source: () => `${bindings({ x: typeOf(width) }, { y: typeOf(width) }, UNIFORMS)}
${helpers(isAligned)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.outW;
  let across = tapOf(pixel % u.outW, u.stepW, u.inW);
  let down = tapOf(row % u.outH, u.stepH, u.inH);
  let b = row / u.outH * u.inH;
  let upper = (b + down.first) * u.inW;
  let lower = (b + down.second) * u.inW;
  let above = (1.0 - across.share) * x[(upper + across.first) * u.channels + c] + across.share * x[(upper + across.second) * u.channels + c];
  let below = (1.0 - across.share) * x[(lower + across.first) * u.channels + c] + across.share * x[(lower + across.second) * u.channels + c];
  y[i] = (1.0 - down.share) * above + down.share * below;`)}`,
  };
}

// Reads dy; writes dx. Each thread gathers what the outputs that read its input pixel give back, in order.
function inputGradProgram(width: 1 | 4, isAligned: boolean): Program {
  return {
    key: `resizeBilinear2dInputGrad c${width}${isAligned ? ' aligned' : ''}`,
    source: () => `${bindings({ dy: typeOf(width) }, { dx: typeOf(width) }, UNIFORMS)}
${helpers(isAligned)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.inW;
  let iw = pixel % u.inW;
  let ih = row % u.inH;
  let b = row / u.inH * u.outH;
  let rows = readers(ih, u.stepH, u.inH, u.outH);
  let columns = readers(iw, u.stepW, u.inW, u.outW);
  var acc = ${typeOf(width)}();
  for (var oh = rows.x; oh <= rows.y; oh++) {
    let down = shareOf(oh, u.stepH, u.inH, ih);
    if (down == 0.0) { continue; }
    for (var ow = columns.x; ow <= columns.y; ow++) {
      let across = shareOf(ow, u.stepW, u.inW, iw);
      if (across != 0.0) { acc += down * across * dy[((b + oh) * u.outW + ow) * u.channels + c]; }
    }
  }
  dx[i] = acc;`)}`,
  };
}
