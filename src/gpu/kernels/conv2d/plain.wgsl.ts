// The convolution in plain register tiles: no workgroup memory, no barriers, no subgroups, any layout. What runs where the
// other variants don't apply. Sizes are uniforms, so that a whole net needs few pipelines (a software adapter takes half a
// second to compile one).
//
// Each thread makes 4 pixels x 4 channels (forward, input gradient) or 4 x 4 channels of one filter tap (filter
// gradient): 16 sums in registers, 8 vec4 loads per 64 multiply-adds.
import { bindings, type Program } from '../../dispatch/program.ts';
import type { ConvShape } from './shape.ts';
import {
  element,
  epilogueKey,
  forwardHeader,
  keyOf,
  loader,
  storer,
  UNIFORMS,
  type ConvLayout,
  type Epilogue,
} from './wgsl.ts';

const four = (f: (i: number) => string): string => [0, 1, 2, 3].map(f).join('\n');

const MAIN = `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * grid.x) * 64u + local;
  if (i >= u.size) { return; }`;

/** Threads of {@link plainForward}: [batch, outH, ceil(outW / 4), groups * ceil(groupF / 4)], channels fastest. */
export function plainForwardThreads(s: ConvShape): number {
  return s.batch * s.outH * Math.ceil(s.outW / 4) * s.groups * Math.ceil(s.outC / s.groups / 4);
}

// All forward variants sum up each filter tap (each row of taps, where channels are taken one by one) before they add it
// to the rest: one long sum over some thousand values would round away another digit.
const PARTS = four((k) => `var part${k} = vec4f();`);
const JOIN_PARTS = four((k) => `acc${k} += part${k};`);
// With groups of a few channels (depthwise) the whole sum is short.
const JOIN_ROW = `if (u.groups == 1u) { ${four((k) => `acc${k} += part${k}; part${k} = vec4f();`)} }`;

// The innermost loops of the forward program. One channel at a time wastes nothing on 3-channel pictures and depthwise
// filters.
const FORWARD_BY_FOUR = `
      for (var c = 0u; c < u.groupC; c += 4u) {
        let wAt = (tap + c) * u.outC + f;
        ${four((k) => `let w${k} = loadW(wAt + ${k}u * u.outC, leftF);`)}
        ${four(
          (k) => `
        let x${k} = select(vec4f(), loadX(at${k} + c, 4u), in${k});
        part${k} += x${k}.x * w0; part${k} += x${k}.y * w1; part${k} += x${k}.z * w2; part${k} += x${k}.w * w3;`,
        )}
      }`;
const FORWARD_BY_ONE = `
      for (var c = 0u; c < u.groupC; c++) {
        let wc = loadW((tap + c) * u.outC + f, leftF);
        ${four((k) => `part${k} += select(0.0, x[at${k} + c], in${k}) * wc;`)}
      }`;

/** y = conv(x, w) [+ bias] [then activation]. Reads x, w, [bias]; writes y, [values before the activation]. */
export function plainForward(layout: ConvLayout, epilogue: Epilogue): Program {
  const { isCVec, isFVec } = layout;
  return {
    key: `${keyOf('conv2d', layout)}${epilogueKey(epilogue)}`,
    source: () => `
${forwardHeader(element(isCVec), isFVec, epilogue)}
${isCVec ? loader('loadX', 'x', true) : ''}
${MAIN}
  let tilesF = (u.groupF + 3u) / 4u;
  let tilesW = (u.outW + 3u) / 4u;
  let tileF = i % (tilesF * u.groups);
  let pixels = i / (tilesF * u.groups);
  let group = tileF / tilesF;
  let fInGroup = (tileF % tilesF) * 4u;
  let f = group * u.groupF + fInGroup;
  let leftF = u.groupF - fInGroup;
  let ow = (pixels % tilesW) * 4u;
  let oh = (pixels / tilesW) % u.outH;
  let b = pixels / (tilesW * u.outH);
  ${four((k) => `var acc${k} = vec4f();`)}
  ${isCVec ? '' : PARTS}
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let ih = i32(oh * u.strideH + kh * u.dilationH) - i32(u.padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    let row = (b * u.inH + u32(ih)) * u.inW;
    for (var kw = 0u; kw < u.kernelW; kw++) {
      ${four(
        (k) => `
      let iw${k} = i32((ow + ${k}u) * u.strideW + kw * u.dilationW) - i32(u.padW);
      let in${k} = iw${k} >= 0 && iw${k} < i32(u.inW);
      let at${k} = (row + u32(clamp(iw${k}, 0, i32(u.inW) - 1))) * u.inC + group * u.groupC;`,
      )}
      let tap = (kh * u.kernelW + kw) * u.groupC;
      ${isCVec ? `${PARTS}${FORWARD_BY_FOUR}${JOIN_PARTS}` : FORWARD_BY_ONE}
    }
    ${isCVec ? '' : JOIN_ROW}
  }
  ${isCVec ? '' : JOIN_PARTS}
  let at = ((b * u.outH + oh) * u.outW + ow) * u.outC + f;
  ${four((k) => `if (ow + ${k}u < u.outW) { finish(at + ${k}u * u.outC, leftF, acc${k}, f); }`)}
}`,
  };
}

/** Column tiles of {@link plainInputGrad}: four pixels one stride apart meet the same filter taps. */
function inputTilesW(s: ConvShape): number {
  return Math.ceil(s.inW / (4 * s.strideW)) * s.strideW;
}

/** Threads of {@link plainInputGrad}: [batch, inH, tiles of columns, groups * ceil(groupC / 4)], channels fastest. */
export function plainInputGradThreads(s: ConvShape): number {
  return s.batch * s.inH * inputTilesW(s) * s.groups * Math.ceil(s.inC / s.groups / 4);
}

/** dx of conv. Reads dy, w; writes dx. */
export function plainInputGrad(layout: ConvLayout): Program {
  const { isCVec, isFVec } = layout;
  return {
    key: keyOf('conv2dInputGrad', layout),
    source: () => `
${bindings({ dy: element(isFVec), w: element(isFVec) }, { dx: element(isCVec) }, UNIFORMS)}
${loader('loadDy', 'dy', isFVec)}
${loader('loadW', 'w', isFVec)}
${storer('storeDx', 'dx', isCVec)}
${MAIN}
  let tilesC = (u.groupC + 3u) / 4u;
  let tilesW = (u.inW + 4u * u.strideW - 1u) / (4u * u.strideW) * u.strideW;
  let tileC = i % (tilesC * u.groups);
  let pixels = i / (tilesC * u.groups);
  let group = tileC / tilesC;
  let c = (tileC % tilesC) * 4u;
  let leftC = u.groupC - c;
  let tile = pixels % tilesW;
  let iw = tile / u.strideW * 4u * u.strideW + tile % u.strideW;
  let ih = (pixels / tilesW) % u.inH;
  let b = pixels / (tilesW * u.inH);
  ${four((k) => `var acc${k} = vec4f();`)}
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let h = i32(ih + u.padH) - i32(kh * u.dilationH);
    let oh = h / i32(u.strideH);
    if (h < 0 || h % i32(u.strideH) != 0 || oh >= i32(u.outH)) { continue; }
    let row = (b * u.outH + u32(oh)) * u.outW;
    for (var kw = 0u; kw < u.kernelW; kw++) {
      // May be negative, but at all four pixels or none it is a multiple of the stride.
      let v = i32(iw + u.padW) - i32(kw * u.dilationW);
      if (v % i32(u.strideW) != 0) { continue; }
      let ow = v / i32(u.strideW);
      ${four(
        (k) => `
      let in${k} = ow + ${k} >= 0 && ow + ${k} < i32(u.outW);
      let at${k} = (row + u32(clamp(ow + ${k}, 0, i32(u.outW) - 1))) * u.outC + group * u.groupF;`,
      )}
      let tap = ((kh * u.kernelW + kw) * u.groupC + c) * u.outC + group * u.groupF;
      for (var f = 0u; f < u.groupF; f += 4u) {
        let leftF = u.groupF - f;
        ${four((k) => `let w${k} = loadW(tap + f + ${isCVec ? `${k}u` : `min(${k}u, leftC - 1u)`} * u.outC, leftF);`)}
        ${four(
          (k) => `
        let d${k} = select(vec4f(), loadDy(at${k} + f, leftF), in${k});
        ${[0, 1, 2, 3].map((q) => `acc${k} += d${k}[${q}] * vec4f(w0[${q}], w1[${q}], w2[${q}], w3[${q}]);`).join(' ')}`,
        )}
      }
    }
  }
  let at = ((b * u.inH + ih) * u.inW + iw) * u.inC + group * u.groupC + c;
  ${four(
    (k) => `if (iw + ${k}u * u.strideW < u.inW) { storeDx(at + ${k}u * u.strideW * u.inC, leftC, acc${k}); }`,
  )}
}`,
  };
}

/** Threads of {@link plainFilterGrad} in one split: [kernelH, kernelW, ceil(groupC / 4), groups * ceil(groupF / 4)]. */
export function plainFilterGradThreads(s: ConvShape): number {
  return (
    s.kernelH * s.kernelW * Math.ceil(s.inC / s.groups / 4) * s.groups * Math.ceil(s.outC / s.groups / 4)
  );
}

/**
 * dw of conv, summed over `rowsPerSplit` of the batch * outH output rows each. Reads x, dy; writes partials
 * [splits, kernelH, kernelW, groupC, outC].
 */
export function plainFilterGrad(layout: ConvLayout): Program {
  const { isCVec, isFVec } = layout;
  return {
    key: keyOf('conv2dFilterGrad', layout),
    source: () => `
${bindings({ x: element(isCVec), dy: element(isFVec) }, { dw: element(isFVec) }, UNIFORMS)}
${loader('loadX', 'x', isCVec)}
${loader('loadDy', 'dy', isFVec)}
${storer('storeDw', 'dw', isFVec)}
${MAIN}
  let tilesF = (u.groupF + 3u) / 4u;
  let tilesC = (u.groupC + 3u) / 4u;
  let tileF = i % (tilesF * u.groups);
  var rest = i / (tilesF * u.groups);
  let c = (rest % tilesC) * 4u;
  rest /= tilesC;
  let kw = rest % u.kernelW;
  rest /= u.kernelW;
  let kh = rest % u.kernelH;
  let split = rest / u.kernelH;
  let group = tileF / tilesF;
  let fInGroup = (tileF % tilesF) * 4u;
  let f = group * u.groupF + fInGroup;
  let leftF = u.groupF - fInGroup;
  let leftC = u.groupC - c;
  // Columns whose input column is inside the picture.
  let shift = i32(kw * u.dilationW) - i32(u.padW);
  let stride = i32(u.strideW);
  let first = u32(max(0, (-shift + stride - 1) / stride));
  let last = u32(clamp((i32(u.inW) - 1 - shift + stride) / stride, 0, i32(u.outW)));
  ${four((k) => `var acc${k} = vec4f();`)}
  let end = min((split + 1u) * u.rowsPerSplit, u.batch * u.outH);
  for (var row = split * u.rowsPerSplit; row < end; row++) {
    let ih = i32((row % u.outH) * u.strideH + kh * u.dilationH) - i32(u.padH);
    if (ih < 0 || ih >= i32(u.inH)) { continue; }
    let xRow = ((row / u.outH) * u.inH + u32(ih)) * u.inW;
    var xAt = (xRow + u32(i32(first) * stride + shift)) * u.inC + group * u.groupC + c;
    var dyAt = (row * u.outW + first) * u.outC + f;
    for (var ow = first; ow < last; ow++) {
      let xv = loadX(xAt, leftC);
      let d = loadDy(dyAt, leftF);
      acc0 += xv.x * d; acc1 += xv.y * d; acc2 += xv.z * d; acc3 += xv.w * d;
      xAt += u.strideW * u.inC;
      dyAt += u.outC;
    }
  }
  let at = (((split * u.kernelH + kh) * u.kernelW + kw) * u.groupC + c) * u.outC + f;
  ${four((k) => `if (leftC > ${k}u) { storeDw(at + ${k}u * u.outC, leftF, acc${k}); }`)}
}`,
  };
}
