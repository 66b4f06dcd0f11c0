// Max pooling to a given size. Source: ATen `native/AdaptiveMaxPooling2d.cpp`: output o of n reads inputs
// floor(o in / n) to ceil((o + 1) in / n) - 1, the first maximum gets the gradient, NaN wins.
import { invariant } from '../../../errors/index.ts';
import { take } from '../../../util/at.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runOp } from '../../tensor/tape.ts';
import type { Pair } from '../conv2d/shape.ts';
import { maxPool2d } from './op.ts';
import { orderWgsl, POOL_UNIFORMS, typeOf } from './op.wgsl.ts';

/**
 * @param x float32 [B, H, W, C]; borrowed
 * @param size [outH, outW]; where a side is larger than x's, pixels repeat
 * @returns float32 [B, outH, outW, C], new
 */
export function adaptiveMaxPool2d(x: Tensor, size: Pair): Tensor {
  const [batch, inH, inW, channels] = take(x.shape, 4);
  const [outH, outW] = size;
  const isFine = (inH + 1) * (outH + 1) < 2 ** 32 && (inW + 1) * (outW + 1) < 2 ** 32;
  invariant(outH > 0 && outW > 0 && isFine, `pooling of ${inH} x ${inW} to ${outH} x ${outW}`);
  if (inH % outH === 0 && inW % outW === 0) {
    const window = [inH / outH, inW / outW] as const;
    return maxPool2d(x, window, window, [0, 0]);
  }
  const width = channels % 4 === 0 ? 4 : 1;
  const run = (program: Program, reads: Tensor[], writes: Tensor[], threads: number): void =>
    runProgram(program, {
      reads,
      writes,
      uniforms: Uint32Array.of(threads, inH, inW, channels / width, outH, outW),
      areUniformsStatic: true,
      grid: spread(threads / 64),
    });
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const outShape = [batch, outH, outW, channels];
      const [out, winner] = [emptyTensor(outShape), emptyTensor(outShape, 'int32')];
      run(forwardProgram(width), [x], [out, winner], out.size / width);
      save([winner]);
      return [out];
    },
    backward: ([dy], [winner]) => ({
      x: () => {
        const dx = emptyTensor(x.shape);
        run(inputGradProgram(width), [dy, winner], [dx], dx.size / width);
        return dx;
      },
    }),
  });
  return y;
}

// Reads x; writes y and the winning pixel (ih * inW + iw). Each thread makes `width` channels.
function forwardProgram(width: 1 | 4): Program {
  const [U, I] = [typeOf('u32', width), typeOf('i32', width)];
  return {
    key: `adaptiveMaxPool2d c${width}`,
    source: () => `${bindings({ x: U }, { y: U, winner: I }, POOL_UNIFORMS)}
${orderWgsl(U, I)}
${flatMain(`
  if (i >= u.size) { return; }
  let c = i % u.channels;
  let pixel = i / u.channels;
  let row = pixel / u.outW;
  let ow = pixel % u.outW;
  let oh = row % u.outH;
  let b = row / u.outH;
  let endH = ((oh + 1u) * u.inH + u.outH - 1u) / u.outH;
  let endW = ((ow + 1u) * u.inW + u.outW - 1u) / u.outW;
  var best = ${U}(0xff800000u);
  var bestOrder = ${I}(0);
  var place = ${I}(-1);
  for (var ih = oh * u.inH / u.outH; ih < endH; ih++) {
    for (var iw = ow * u.inW / u.outW; iw < endW; iw++) {
      let v = x[((b * u.inH + ih) * u.inW + iw) * u.channels + c];
      let rank = order(v);
      let isBetter = (place < ${I}(0)) | (rank > bestOrder);
      best = select(best, v, isBetter);
      bestOrder = select(bestOrder, rank, isBetter);
      place = select(place, ${I}(i32(ih * u.inW + iw)), isBetter);
    }
  }
  y[i] = best;
  winner[i] = place;`)}`,
  };
}

// Reads dy, winner; writes dx. The outputs whose windows hold input i: from floor(i out / in) to ceil((i + 1) out / in) - 1.
function inputGradProgram(width: 1 | 4): Program {
  const [F, I] = [typeOf('f32', width), typeOf('i32', width)];
  return {
    key: `adaptiveMaxPool2dInputGrad c${width}`,
    source: () => `${bindings({ dy: F, winner: I }, { dx: F }, POOL_UNIFORMS)}
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
  var acc = ${F}();
  for (var oh = ih * u.outH / u.inH; oh < endH; oh++) {
    for (var ow = iw * u.outW / u.inW; ow < endW; ow++) {
      let at = ((b * u.outH + oh) * u.outW + ow) * u.channels + c;
      acc += select(${F}(), dy[at], winner[at] == ${I}(i32(ih * u.inW + iw)));
    }
  }
  dx[i] = acc;`)}`,
  };
}
