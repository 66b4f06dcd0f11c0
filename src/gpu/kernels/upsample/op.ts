// Nearest upsampling as torch's: output row i reads input row floor(i * in / out).
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../tensor/tape.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import type { Tensor } from '../../device/tfjs.ts';
import type { Pair } from '../conv2d/shape.ts';

/** Resize x [B, H, W, C] to `size` = [outH, outW] (up or down) by picking pixels. */
export function upsampleNearest2d(x: Tensor, size: Pair): Tensor {
  const [batch = 1, inH = 1, inW = 1, channels = 1] = x.shape;
  const [outH, outW] = size;
  // Products of sides are 32-bit words in the programs.
  const isFine = (inH + 1) * outH + inH < 2 ** 32 && (inW + 1) * outW + inW < 2 ** 32;
  invariant(isFine, `upsampling of ${inH} x ${inW} to ${outH} x ${outW}`);
  const width = channels % 4 === 0 ? 4 : 1;
  const run = (program: Program, source: Tensor, target: Tensor): Tensor => {
    runProgram(program, {
      reads: [source],
      writes: [target],
      uniforms: Uint32Array.of(target.size / width, inH, inW, channels / width, ...size),
      areUniformsStatic: true,
      grid: spread(target.size / width / 64),
    });
    return target;
  };
  const [y] = runOp({
    inputs: { x },
    forward: () => [run(forwardProgram(width), x, emptyTensor([batch, ...size, channels]))],
    backward: ([dy]) => ({ x: () => run(inputGradProgram(width), dy, emptyTensor(x.shape)) }),
  });
  return y;
}

const UNIFORMS = 'size: u32, inH: u32, inW: u32, channels: u32, outH: u32, outW: u32';

const typeOf = (width: 1 | 4): string => (width === 4 ? 'vec4f' : 'f32');

// Reads x; writes y. Each thread makes `width` channels.
function forwardProgram(width: 1 | 4): Program {
  return {
    key: `upsampleNearest2d c${width}`,
    source: () => `${bindings({ x: typeOf(width) }, { y: typeOf(width) }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.outW;
  let iw = pixel % u.outW * u.inW / u.outW;
  let ih = row % u.outH * u.inH / u.outH;
  let b = row / u.outH;
  y[i] = x[((b * u.inH + ih) * u.inW + iw) * u.channels + c];`)}`,
  };
}

// Reads dy; writes dx. Output rows that read input row r: from ceil(r * out / in) to ceil((r + 1) * out / in) - 1.
function inputGradProgram(width: 1 | 4): Program {
  return {
    key: `upsampleNearest2dInputGrad c${width}`,
    source: () => `${bindings({ dy: typeOf(width) }, { dx: typeOf(width) }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.inW;
  let iw = pixel % u.inW;
  let ih = row % u.inH;
  let b = row / u.inH;
  let endH = ((ih + 1u) * u.outH + u.inH - 1u) / u.inH;
  let endW = ((iw + 1u) * u.outW + u.inW - 1u) / u.inW;
  var acc = ${typeOf(width)}();
  for (var oh = (ih * u.outH + u.inH - 1u) / u.inH; oh < endH; oh++) {
    for (var ow = (iw * u.outW + u.inW - 1u) / u.inW; ow < endW; ow++) {
      acc += dy[((b * u.outH + oh) * u.outW + ow) * u.channels + c];
    }
  }
  dx[i] = acc;`)}`,
  };
}
