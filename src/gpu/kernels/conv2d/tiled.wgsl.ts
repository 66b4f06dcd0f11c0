// The convolution as a matrix product in tiles of 64 x 64 through workgroup memory: for real GPUs. 16 x 16 threads make 4 x 4
// sums each; a step brings 16 values of the inner axis. Zeros stand in for what is outside, so that every output is
// summed in the same order as in the other variants.
//
// Rows are pixels (forward, input gradient) or filter rows in quads (filter gradient), columns are channels.
import { bindings, type Program } from '../../dispatch/program.ts';
import type { ConvShape } from './shape.ts';
import {
  element,
  epilogueKey,
  forwardHeader,
  KEEP_IF,
  keyOf,
  loader,
  repeat,
  storer,
  UNIFORMS,
  type ConvLayout,
  type Epilogue,
} from './wgsl.ts';

const TILE = 64;
const STEP = 16;

const tiles = (size: number): number => Math.ceil(size / TILE);

/** Workgroups: of channels (all groups), and of everything else. */
export interface TiledGrid {
  readonly channels: number;
  readonly others: number;
}

const MAIN = `
var<workgroup> left: array<f32, ${STEP * TILE}>;
var<workgroup> right: array<f32, ${STEP * TILE}>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) local: u32) {
  let tile = wg.y + wg.z * grid.y;
  if (tile >= u.size) { return; }
  let row = local / 16u * 4u;
  let column = local % 16u * 4u;
  ${repeat(4, (i) => `var acc${i} = vec4f();`)}`;

// WGSL: `value`, four rows (or columns) of one step, or four steps of one row, go to workgroup memory.
const putAcross = (memory: string, value: string): string =>
  repeat(4, (q) => `${memory}[local / 16u * ${TILE}u + local % 16u * 4u + ${q}u] = ${value}[${q}];`);
const putDown = (memory: string, value: string): string =>
  repeat(4, (q) => `${memory}[(local % 4u * 4u + ${q}u) * ${TILE}u + local / 4u] = ${value}[${q}];`);

// WGSL: one step: fill, multiply, add to `sum`0 to `sum`3.
const step = (fill: string, sum = 'acc'): string => `
      ${fill}
      workgroupBarrier();
      for (var k = 0u; k < ${STEP}u; k++) {
        let at = k * ${TILE}u;
        let b = vec4f(right[at + column], right[at + column + 1u], right[at + column + 2u], right[at + column + 3u]);
        ${repeat(4, (i) => `${sum}${i} += left[at + row + ${i}u] * b;`)}
      }
      workgroupBarrier();`;

// As in the plain variant: each tap is summed up before it is added to the rest.
const PARTS = repeat(4, (i) => `var part${i} = vec4f();`);
const JOIN_PARTS = repeat(4, (i) => `acc${i} += part${i};`);
const JOIN_ROW = `if (u.groups == 1u) { ${repeat(4, (i) => `acc${i} += part${i}; part${i} = vec4f();`)} }`;

/** Grid of {@link tiledForward}; the others are tiles of pixels. */
export function tiledForwardGrid(s: ConvShape): TiledGrid {
  return { channels: s.groups * tiles(s.outC / s.groups), others: tiles(s.batch * s.outH * s.outW) };
}

/** y = conv(x, w) [+ bias] [then activation]. Reads x, w, [bias]; writes y, [values before the activation]. */
export function tiledForward(layout: ConvLayout, epilogue: Epilogue): Program {
  const { isCVec, isFVec } = layout;
  return {
    key: `${keyOf('conv2d', layout)}${epilogueKey(epilogue)} tiled`,
    source: () => `${forwardHeader(element(isCVec), isFVec, epilogue)}
${KEEP_IF}
${loader('loadX', 'x', isCVec)}
${MAIN}
  let tilesF = (u.groupF + ${TILE - 1}u) / ${TILE}u;
  let group = wg.x / tilesF;
  let fTile = wg.x % tilesF * ${TILE}u;
  let pixels = u.batch * u.outH * u.outW;
  // Thread: four channels of one pixel of x, and of one step of w.
  let p = min(tile * ${TILE}u + local / 4u, pixels - 1u);
  let top = i32(p / u.outW % u.outH * u.strideH) - i32(u.padH);
  let start = i32(p % u.outW * u.strideW) - i32(u.padW);
  let picture = p / (u.outW * u.outH) * u.inH;
  let f = fTile + local % 16u * 4u;
  let isFIn = f < u.groupF;
  ${isCVec ? '' : PARTS}
  for (var kh = 0u; kh < u.kernelH; kh++) {
    for (var kw = 0u; kw < u.kernelW; kw++) {
      ${isCVec ? PARTS : ''}
      let ih = top + i32(kh * u.dilationH);
      let iw = start + i32(kw * u.dilationW);
      let isIn = u32(ih) < u.inH && u32(iw) < u.inW;
      let xAt = select(0u, ((picture + u32(ih)) * u.inW + u32(iw)) * u.inC + group * u.groupC, isIn);
      let tap = (kh * u.kernelW + kw) * u.groupC;
      for (var c = 0u; c < u.groupC; c += ${STEP}u) {
        let xc = c + local % 4u * 4u;
        let isXIn = isIn && xc < u.groupC;
        let xv = keepIf(loadX(xAt + select(0u, xc, isXIn), u.groupC - min(xc, u.groupC)), isXIn);
        let wc = c + local / 16u;
        let isWIn = isFIn && wc < u.groupC;
        let wv = keepIf(loadW(select(0u, (tap + wc) * u.outC + group * u.groupF + f, isWIn), u.groupF - min(f, u.groupF)), isWIn);
        ${step(`${putDown('left', 'xv')}\n${putAcross('right', 'wv')}`, 'part')}
      }
      ${isCVec ? JOIN_PARTS : ''}
    }
    ${isCVec ? '' : JOIN_ROW}
  }
  ${isCVec ? '' : JOIN_PARTS}
  let outF = fTile + column;
  if (outF >= u.groupF) { return; }
  let first = tile * ${TILE}u + row;
  ${repeat(
    4,
    (i) =>
      `if (first + ${i}u < pixels) { finish((first + ${i}u) * u.outC + group * u.groupF + outF, u.groupF - outF, acc${i}, group * u.groupF + outF); }`,
  )}
}`,
  };
}

/** Grid of {@link tiledInputGrad}: pixels are told apart by their place within a stride, as in the variant by lanes. */
export function tiledInputGradGrid(s: ConvShape): TiledGrid {
  const pixels = s.batch * Math.ceil(s.inH / s.strideH) * Math.ceil(s.inW / s.strideW);
  return { channels: s.groups * tiles(s.inC / s.groups), others: s.strideH * s.strideW * tiles(pixels) };
}

/** dx of conv. Reads dy, w; writes dx. */
export function tiledInputGrad(layout: ConvLayout): Program {
  const { isCVec, isFVec } = layout;
  return {
    key: `${keyOf('conv2dInputGrad', layout)} tiled`,
    source: () => `
${bindings({ dy: element(isFVec), w: element(isFVec) }, { dx: element(isCVec) }, UNIFORMS)}
${KEEP_IF}
${loader('loadDy', 'dy', isFVec)}
${loader('loadW', 'w', isFVec)}
${storer('storeDx', 'dx', isCVec)}
${MAIN}
  let tilesC = (u.groupC + ${TILE - 1}u) / ${TILE}u;
  let group = wg.x / tilesC;
  let cTile = wg.x % tilesC * ${TILE}u;
  let classH = (u.inH + u.strideH - 1u) / u.strideH;
  let classW = (u.inW + u.strideW - 1u) / u.strideW;
  let pixels = u.batch * classH * classW;
  let tilesP = (pixels + ${TILE - 1}u) / ${TILE}u;
  let restH = tile / tilesP / u.strideW;
  let restW = tile / tilesP % u.strideW;
  let start = tile % tilesP * ${TILE}u;
  // Thread: four channels of one pixel of dy, and of one input channel of w.
  let p = min(start + local / 4u, pixels - 1u);
  let pRow = p / classW % classH;
  let pColumn = p % classW;
  let picture = p / (classW * classH) * u.outH;
  let c = cTile + local / 4u;
  let isCIn = c < u.groupC;
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let h = i32(restH + u.padH) - i32(kh * u.dilationH);
    if (h % i32(u.strideH) != 0) { continue; }
    for (var kw = 0u; kw < u.kernelW; kw++) {
      let v = i32(restW + u.padW) - i32(kw * u.dilationW);
      if (v % i32(u.strideW) != 0) { continue; }
      let oh = i32(pRow) + h / i32(u.strideH);
      let ow = i32(pColumn) + v / i32(u.strideW);
      let isIn = u32(oh) < u.outH && u32(ow) < u.outW;
      let dyAt = select(0u, ((picture + u32(oh)) * u.outW + u32(ow)) * u.outC, isIn) + group * u.groupF;
      let wAt = ((kh * u.kernelW + kw) * u.groupC + select(0u, c, isCIn)) * u.outC + group * u.groupF;
      for (var fStep = 0u; fStep < u.groupF; fStep += ${STEP}u) {
        let f = fStep + local % 4u * 4u;
        let left4 = u.groupF - min(f, u.groupF);
        let at = select(0u, f, f < u.groupF);
        let dv = keepIf(loadDy(dyAt + at, left4), isIn && f < u.groupF);
        let wv = keepIf(loadW(wAt + at, left4), isCIn && f < u.groupF);
        ${step(`${putDown('left', 'dv')}\n${putDown('right', 'wv')}`)}
      }
    }
  }
  let outC = cTile + column;
  if (outC >= u.groupC) { return; }
  ${repeat(
    4,
    (i) => `{
    let q = start + row + ${i}u;
    let ih = q / classW % classH * u.strideH + restH;
    let iw = q % classW * u.strideW + restW;
    if (q < pixels && ih < u.inH && iw < u.inW) {
      storeDx(((q / (classW * classH) * u.inH + ih) * u.inW + iw) * u.inC + group * u.groupC + outC, u.groupC - outC, acc${i});
    }
  }`,
  )}
}`,
  };
}

/** Grid of {@link tiledFilterGrad} for one split; the others are tiles of filter rows. */
export function tiledFilterGradGrid(s: ConvShape): TiledGrid {
  const quads = s.kernelH * s.kernelW * Math.ceil(s.inC / s.groups / 4);
  return { channels: s.groups * tiles(s.outC / s.groups), others: tiles(4 * quads) };
}

/** dw of conv, summed over `rowsPerSplit` output rows each. Reads x, dy; writes partials [splits, kh, kw, groupC, outC]. */
export function tiledFilterGrad(layout: ConvLayout): Program {
  const { isCVec, isFVec } = layout;
  // Quads of filter rows: four channels of one tap, of which the last quad may have fewer.
  const locate = (quad: string, to: string): string => `
  let ${to}C = ${quad} % quadsC * 4u;
  let ${to}Tap = ${quad} / quadsC;`;
  return {
    key: `${keyOf('conv2dFilterGrad', layout)} tiled`,
    source: () => `
${bindings({ x: element(isCVec), dy: element(isFVec) }, { dw: element(isFVec) }, UNIFORMS)}
${KEEP_IF}
${loader('loadX', 'x', isCVec)}
${loader('loadDy', 'dy', isFVec)}
${storer('storeDw', 'dw', isFVec)}
${MAIN}
  let tilesF = (u.groupF + ${TILE - 1}u) / ${TILE}u;
  let group = wg.x / tilesF;
  let fTile = wg.x % tilesF * ${TILE}u;
  let quadsC = (u.groupC + 3u) / 4u;
  let quads = u.kernelH * u.kernelW * quadsC;
  let tilesM = (quads + ${TILE / 4 - 1}u) / ${TILE / 4}u;
  let split = tile / tilesM;
  let firstQuad = tile % tilesM * ${TILE / 4}u;
  // Thread: a quad of x and four channels of dy, of one pixel.
  let quad = firstQuad + local % 16u;
  ${locate('quad', 'my')}
  let atH = i32(myTap / u.kernelW * u.dilationH) - i32(u.padH);
  let atW = i32(myTap % u.kernelW * u.dilationW) - i32(u.padW);
  let f = fTile + local % 16u * 4u;
  let start = split * u.rowsPerSplit * u.outW;
  let end = min((split + 1u) * u.rowsPerSplit, u.batch * u.outH) * u.outW;
  for (var base = start; base < end; base += ${STEP}u) {
    let p = base + local / 16u;
    let ih = i32(p / u.outW % u.outH * u.strideH) + atH;
    let iw = i32(p % u.outW * u.strideW) + atW;
    let isIn = p < end && quad < quads && u32(ih) < u.inH && u32(iw) < u.inW;
    let xAt = select(0u, ((p / (u.outW * u.outH) * u.inH + u32(ih)) * u.inW + u32(iw)) * u.inC + group * u.groupC + myC, isIn);
    let xv = keepIf(loadX(xAt, u.groupC - myC), isIn);
    let isDyIn = p < end && f < u.groupF;
    let dv = keepIf(loadDy(select(0u, p * u.outC + group * u.groupF + f, isDyIn), u.groupF - min(f, u.groupF)), isDyIn);
    ${step(`${putAcross('left', 'xv')}\n${putAcross('right', 'dv')}`)}
  }
  let outF = fTile + column;
  let outQuad = firstQuad + row / 4u;
  if (outF >= u.groupF || outQuad >= quads) { return; }
  ${locate('outQuad', 'out')}
  let to = ((split * u.kernelH * u.kernelW + outTap) * u.groupC + outC) * u.outC + group * u.groupF + outF;
  ${repeat(
    4,
    (i) => `if (outC + ${i}u < u.groupC) { storeDw(to + ${i}u * u.outC, u.groupF - outF, acc${i}); }`,
  )}
}`,
  };
}
