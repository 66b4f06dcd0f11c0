// Nearest upsampling as torch's: output row i reads input row floor(i * in / out).
import { runOp } from '../../op.ts';
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from '../../program.ts';
import type { Tensor } from '../../tfjs.ts';
import type { Pair } from '../conv2d/shape.ts';

/** Resize x [B, H, W, C] to `size` = [outH, outW] (up or down) by picking pixels. */
export function upsampleNearest2d(x: Tensor, size: Pair): Tensor {
  const [batch = 1, inH = 1, inW = 1, channels = 1] = x.shape;
  const uniforms = (threads: number): Uint32Array => Uint32Array.of(threads, inH, inW, channels, ...size);
  const run = (program: Program, source: Tensor, target: Tensor): Tensor => {
    runProgram(program, {
      reads: [source],
      writes: [target],
      uniforms: uniforms(target.size),
      areUniformsStatic: true,
      grid: spread(target.size / 64),
    });
    return target;
  };
  const [y] = runOp({
    inputs: { x },
    forward: () => [run(FORWARD, x, emptyTensor([batch, ...size, channels]))],
    backward: ([dy]) => ({ x: () => run(INPUT_GRAD, dy, emptyTensor(x.shape)) }),
  });
  return y;
}

const UNIFORMS = 'size: u32, inH: u32, inW: u32, channels: u32, outH: u32, outW: u32';

const FORWARD: Program = {
  key: 'upsampleNearest2d',
  source: () => `${bindings({ x: 'f32' }, { y: 'f32' }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let iw = (i / u.channels) % u.outW * u.inW / u.outW;
  let ih = (i / u.channels / u.outW) % u.outH * u.inH / u.outH;
  let b = i / u.channels / u.outW / u.outH;
  y[i] = x[((b * u.inH + ih) * u.inW + iw) * u.channels + c];`)}`,
};

// Output rows that read input row r: from ceil(r * out / in) to ceil((r + 1) * out / in) - 1.
const INPUT_GRAD: Program = {
  key: 'upsampleNearest2dInputGrad',
  source: () => `${bindings({ dy: 'f32' }, { dx: 'f32' }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let iw = (i / u.channels) % u.inW;
  let ih = (i / u.channels / u.inW) % u.inH;
  let b = i / u.channels / u.inW / u.inH;
  let endH = ((ih + 1u) * u.outH + u.inH - 1u) / u.inH;
  let endW = ((iw + 1u) * u.outW + u.inW - 1u) / u.inW;
  var acc = 0.0;
  for (var oh = (ih * u.outH + u.inH - 1u) / u.inH; oh < endH; oh++) {
    for (var ow = (iw * u.outW + u.inW - 1u) / u.inW; ow < endW; ow++) {
      acc += dy[((b * u.outH + oh) * u.outW + ow) * u.channels + c];
    }
  }
  dx[i] = acc;`)}`,
};
