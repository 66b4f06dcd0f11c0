// The convolution by subgroups: a workgroup is one subgroup of S lanes, which share what they load by broadcasting it from
// registers. Made for software adapters, where a load costs as much as some dozen multiply-adds, and barriers far more.
//
// Forward and input gradient: a lane owns 4 pixels, S apart in the flattened picture, times `width` channels; the filter
// values of a step (4 channels in x `width` channels out) are loaded once per subgroup, spread over its lanes.
// Filter gradient: a lane owns 4 filter rows (a tap's four channels), times `width` output channels; it loads x for itself
// and gets dy by broadcast. Every output is summed in the same order as in the other variants.
import { bindings, type Program } from '../../dispatch/program.ts';
import type { ConvShape } from './shape.ts';
import {
  DIVIDE,
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

/** S lanes and how many channels each of them makes. */
export interface LaneTile {
  readonly lanes: number;
  /** 16 or 8. */
  readonly width: 16 | 8;
}

const PIXELS = 4;
const tileKey = ({ lanes, width }: LaneTile): string => ` lanes${lanes}x${width}`;
const tiles = (size: number, tile: number): number => Math.ceil(size / tile);

const MAIN = (lanes: number): string => `
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(subgroup_invocation_id) lane: u32) {
  // Channels in x, everything else in y and, past its limit, z. Integer divisions are dear on software adapters.
  let tile = wg.y + wg.z * grid.y;
  if (tile >= u.size) { return; }`;

// WGSL: place `count` pixels after the tile's first in a picture of rows x columns. Small numbers only, for which the
// quotient of floats, half a pixel off the borders, is exact.
const PLACES = `
fn place(offset: u32, first: vec3u, rows: u32, columns: u32) -> vec3u {
  let column = first.z + offset;
  let rowsOn = u32((f32(column) + 0.5) / f32(columns));
  let row = first.y + rowsOn;
  let picturesOn = u32((f32(row) + 0.5) / f32(rows));
  return vec3u(first.x + picturesOn, row - picturesOn * rows, column - rowsOn * columns);
}
fn firstPlace(pixel: u32, rows: u32, columns: u32) -> vec3u {
  let row = divide(pixel, columns);
  let picture = divide(row, rows);
  return vec3u(picture, row - picture * rows, pixel - row * columns);
}`;

// The tile's size is known, its subgroup is the whole workgroup, and every branch around a broadcast depends on uniforms.
const HEAD = `enable subgroups;
diagnostic(off, subgroup_uniformity);
${KEEP_IF}${DIVIDE}`;

/** True when x's channels can't be read by four, but its rows can be walked as one run of kernelW * inC values. */
export function isRowMode(s: ConvShape): boolean {
  return (s.inC / s.groups) % 4 !== 0 && s.groups === 1 && s.dilationW === 1;
}

/** Workgroups: of channels (all groups), and of everything else. */
export interface LaneTiles {
  readonly channels: number;
  readonly others: number;
}

/** Workgroups of {@link lanesForward}; the others are tiles of pixels. */
export function lanesForwardTiles(s: ConvShape, { lanes, width }: LaneTile): LaneTiles {
  const pixels = s.batch * s.outH * s.outW;
  return { channels: s.groups * tiles(s.outC / s.groups, width), others: tiles(pixels, PIXELS * lanes) };
}

// One step of a sum: multiply the lanes' own values by broadcast ones. `w` names the registers over which 4 rows of `quads`
// vec4 are spread. A sum takes its four products one after the other, while it is in registers: all sums together don't fit.
function multiply(
  lanes: number,
  quads: number,
  rows: string[],
  sums: (row: number, j: number) => string,
): string {
  return repeat(quads, (j) =>
    repeat(4, (q) => {
      const t = q * quads + j;
      const shared = `subgroupBroadcast(w${Math.floor(t / lanes)}, ${t % lanes}u)`;
      return `{ let s = ${shared}; ${rows.map((row, i) => `${sums(i, j)} += ${row}[${q}] * s;`).join(' ')} }`;
    }),
  );
}

/**
 * y = conv(x, w) [+ bias] [then activation]. Reads x, w, [bias]; writes y, [values before the activation].
 *
 * @param isPoint the kernel is 1x1: with a single tap there are no partial sums to keep.
 */
export function lanesForward(
  layout: ConvLayout,
  tile: LaneTile,
  epilogue: Epilogue,
  isPoint: boolean,
): Program {
  const { isCVec, isFVec } = layout;
  const { lanes, width } = tile;
  const quads = width / 4;
  const registers = tiles(4 * quads, lanes);
  const rows = Array.from({ length: PIXELS }, (_, i) => `x${i}`);
  const loadX = isCVec
    ? (i: number) => `let x${i} = keepIf(x[(at${i} + k) / 4u], in${i});`
    : (i: number) => `let x${i} = loadRow(row${i}, at${i} + i32(k), select(0u, steps - k, in${i}));`;
  // With rows of kernelW * inC values, the columns are part of the steps.
  const kw = isCVec ? 'kw' : '0u';
  const part = isPoint ? 'acc' : 'part';
  return {
    key: `${keyOf('conv2d', layout)}${epilogueKey(epilogue)}${tileKey(tile)}${isPoint ? ' 1x1' : ''}`,
    source: () => `${HEAD}
${forwardHeader(element(isCVec), isFVec, epilogue)}
${isCVec ? '' : ROW_LOADER}
${PLACES}
${MAIN(lanes)}
  let tilesF = (u.groupF + ${width - 1}u) / ${width}u;
  let group = divide(wg.x, tilesF);
  let fInGroup = (wg.x - group * tilesF) * ${width}u;
  let pixels = u.batch * u.outH * u.outW;
  let start = tile * ${PIXELS * lanes}u;
  let first = start + lane;
  let startPlace = firstPlace(start, u.outH, u.outW);
  ${repeat(
    PIXELS,
    (i) => `
  let place${i} = place(lane + ${i * lanes}u, startPlace, u.outH, u.outW);
  let top${i} = i32(place${i}.y * u.strideH) - i32(u.padH);
  let left${i} = i32(place${i}.z * u.strideW) - i32(u.padW);
  // Past the last pixel: any picture, but one that exists.
  let picture${i} = min(place${i}.x, u.batch - 1u) * u.inH;
  ${repeat(quads, (j) => `var acc${i}_${j} = vec4f();`)}`,
  )}
  ${repeat(
    registers,
    (r) => `
  let share${r} = min(lane + ${r * lanes}u, ${4 * quads - 1}u);
  let f${r} = min(fInGroup + share${r} % ${quads}u * 4u, ${isFVec ? 'u.groupF - 4u' : 'u.groupF - 1u'});
  let leftF${r} = u.groupF - f${r};
  let wAt${r} = share${r} / ${quads}u * u.outC + group * u.groupF + f${r};`,
  )}
  let steps = ${isCVec ? 'u.groupC' : 'u.kernelW * u.inC'};
  ${isPoint ? '{ let kh = 0u;' : 'for (var kh = 0u; kh < u.kernelH; kh++) {'}
    ${isCVec && !isPoint ? 'for (var kw = 0u; kw < u.kernelW; kw++) {' : '{ let kw = 0u;'}
      ${repeat(PIXELS, (i) =>
        isCVec
          ? `
      let ih${i} = top${i} + i32(kh * u.dilationH);
      let iw${i} = left${i} + i32(kw * u.dilationW);
      let in${i} = u32(ih${i}) < u.inH && u32(iw${i}) < u.inW;
      let at${i} = select(0u, ((picture${i} + u32(ih${i})) * u.inW + u32(iw${i})) * u.inC + group * u.groupC, in${i});`
          : `
      let ih${i} = top${i} + i32(kh * u.dilationH);
      let in${i} = u32(ih${i}) < u.inH;
      let row${i} = select(0u, (picture${i} + u32(ih${i})) * u.inW * u.inC, in${i});
      let at${i} = left${i} * i32(u.inC);`,
      )}
      let tap = (kh * u.kernelW + ${kw}) * u.groupC;
      ${isPoint ? '' : repeat(PIXELS, (i) => repeat(quads, (j) => `var part${i}_${j} = vec4f();`))}
      for (var k = 0u; k < steps; k += 4u) {
        ${repeat(PIXELS, loadX)}
        ${repeat(registers, (r) => `let w${r} = loadW((tap + k) * u.outC + wAt${r}, leftF${r});`)}
        ${multiply(lanes, quads, rows, (i, j) => `${part}${i}_${j}`)}
      }
      ${isPoint ? '' : repeat(PIXELS, (i) => repeat(quads, (j) => `acc${i}_${j} += part${i}_${j};`))}
    }
  }
  ${repeat(
    PIXELS,
    (i) => `
  if (first + ${i * lanes}u < pixels) {
    ${repeat(
      quads,
      (j) => `
    if (fInGroup + ${4 * j}u < u.groupF) {
      let f = group * u.groupF + fInGroup + ${4 * j}u;
      finish((first + ${i * lanes}u) * u.outC + f, u.groupF - fInGroup - ${4 * j}u, acc${i}_${j}, f);
    }`,
    )}
  }`,
  )}
}`,
  };
}

// Four values of a row of the picture, of which `live` count; 0 outside. Without short-circuits: with them, SwiftShader
// takes minutes and gigabytes to compile the loads of a tile.
const ROW_LOADER = `
fn loadRow(row: u32, at: i32, live: u32) -> vec4f {
  let places = vec4u(vec4i(at) + vec4i(0, 1, 2, 3));
  let isIn = (places < vec4u(u.inW * u.inC)) & (vec4u(0u, 1u, 2u, 3u) < vec4u(live));
  let from4 = select(vec4u(), places, isIn) + vec4u(row);
  let v = vec4f(x[from4.x], x[from4.y], x[from4.z], x[from4.w]);
  return bitcast<vec4f>(bitcast<vec4u>(v) & select(vec4u(), vec4u(0xffffffffu), isIn));
}`;

/**
 * Workgroups of {@link lanesInputGrad}. Pixels are told apart by their place within a stride (a class): those of one class
 * meet the same filter taps.
 */
export function lanesInputGradTiles(s: ConvShape, { lanes, width }: LaneTile): LaneTiles {
  const pixels = s.batch * Math.ceil(s.inH / s.strideH) * Math.ceil(s.inW / s.strideW);
  const classes = s.strideH * s.strideW;
  return {
    channels: s.groups * tiles(s.inC / s.groups, width),
    others: classes * tiles(pixels, PIXELS * lanes),
  };
}

// How many strides a distance is, which may be negative.
const STRIDES = `
const NOWHERE = 0x7fffffffi;
fn strides(distance: i32, stride: i32) -> i32 {
  let count = i32(round(f32(distance) / f32(stride)));
  return select(NOWHERE, count, count * stride == distance);
}`;

/** dx of conv. Reads dy, w; writes dx. */
export function lanesInputGrad(layout: ConvLayout, tile: LaneTile): Program {
  const { isCVec, isFVec } = layout;
  const { lanes, width } = tile;
  const quads = width / 4;
  const registers = tiles(width, lanes);
  const broadcast = (c: number): string => `subgroupBroadcast(w${Math.floor(c / lanes)}, ${c % lanes}u)`;
  return {
    key: `${keyOf('conv2dInputGrad', layout)}${tileKey(tile)}`,
    source: () => `${HEAD}
${bindings({ dy: element(isFVec), w: element(isFVec) }, { dx: element(isCVec) }, UNIFORMS)}
${loader('loadDy', 'dy', isFVec)}
${loader('loadW', 'w', isFVec)}
${storer('storeDx', 'dx', isCVec)}
${PLACES}
${STRIDES}
${MAIN(lanes)}
  let tilesC = (u.groupC + ${width - 1}u) / ${width}u;
  let group = divide(wg.x, tilesC);
  let cInGroup = (wg.x - group * tilesC) * ${width}u;
  let classH = divide(u.inH + u.strideH - 1u, u.strideH);
  let classW = divide(u.inW + u.strideW - 1u, u.strideW);
  let pixels = u.batch * classH * classW;
  let tilesP = (pixels + ${PIXELS * lanes - 1}u) / ${PIXELS * lanes}u;
  let stride = divide(tile, tilesP);
  let restH = divide(stride, u.strideW);
  let restW = stride - restH * u.strideW;
  let start = (tile - stride * tilesP) * ${PIXELS * lanes}u;
  let first = start + lane;
  let startPlace = firstPlace(start, classH, classW);
  ${repeat(
    PIXELS,
    (i) => `
  let place${i} = place(lane + ${i * lanes}u, startPlace, classH, classW);
  let column${i} = place${i}.z;
  let row${i} = place${i}.y;
  let picture${i} = min(place${i}.x, u.batch - 1u);
  ${repeat(quads, (j) => `var acc${i}_${j} = vec4f();`)}`,
  )}
  ${repeat(
    registers,
    (r) =>
      `let wAt${r} = min(cInGroup + min(lane + ${r * lanes}u, ${width - 1}u), u.groupC - 1u) * u.outC + group * u.groupF;`,
  )}
  for (var kh = 0u; kh < u.kernelH; kh++) {
    let h = strides(i32(restH + u.padH) - i32(kh * u.dilationH), i32(u.strideH));
    if (h == NOWHERE) { continue; }
    for (var kw = 0u; kw < u.kernelW; kw++) {
      let v = strides(i32(restW + u.padW) - i32(kw * u.dilationW), i32(u.strideW));
      if (v == NOWHERE) { continue; }
      ${repeat(
        PIXELS,
        (i) => `
      let oh${i} = i32(row${i}) + h;
      let ow${i} = i32(column${i}) + v;
      let in${i} = u32(oh${i}) < u.outH && u32(ow${i}) < u.outW;
      let at${i} = select(0u, ((picture${i} * u.outH + u32(oh${i})) * u.outW + u32(ow${i})) * u.outC, in${i}) + group * u.groupF;`,
      )}
      let tap = (kh * u.kernelW + kw) * u.groupC * u.outC;
      for (var f = 0u; f < u.groupF; f += 4u) {
        let left = u.groupF - f;
        ${repeat(PIXELS, (i) => `let d${i} = keepIf(loadDy(at${i} + f, left), in${i});`)}
        ${repeat(registers, (r) => `let w${r} = loadW(tap + wAt${r} + f, left);`)}
        ${repeat(
          quads,
          (j) => `{
          ${repeat(4, (k) => `let s${k} = ${broadcast(4 * j + k)};`)}
          ${repeat(
            4,
            (q) => `
          let t${q} = vec4f(s0[${q}], s1[${q}], s2[${q}], s3[${q}]);
          ${repeat(PIXELS, (i) => `acc${i}_${j} += d${i}[${q}] * t${q};`)}`,
          )}
        }`,
        )}
      }
    }
  }
  ${repeat(
    PIXELS,
    (i) => `
  let ih${i} = row${i} * u.strideH + restH;
  let iw${i} = column${i} * u.strideW + restW;
  if (first + ${i * lanes}u < pixels && ih${i} < u.inH && iw${i} < u.inW) {
    let at = ((picture${i} * u.inH + ih${i}) * u.inW + iw${i}) * u.inC + group * u.groupC + cInGroup;
    ${repeat(
      quads,
      (j) =>
        `if (cInGroup + ${4 * j}u < u.groupC) { storeDx(at + ${4 * j}u, u.groupC - cInGroup - ${4 * j}u, acc${i}_${j}); }`,
    )}
  }`,
  )}
}`,
  };
}

/** Quads of filter rows: four channels of a tap, or four of the kernelW * inC values of a row. */
function filterQuads(s: ConvShape): number {
  const groupC = s.inC / s.groups;
  return groupC % 4 === 0
    ? (s.kernelH * s.kernelW * groupC) / 4
    : s.kernelH * Math.ceil((s.kernelW * groupC) / 4);
}

/** Workgroups of {@link lanesFilterGrad} for one split; the others are tiles of filter rows. */
export function lanesFilterGradTiles(s: ConvShape, { lanes, width }: LaneTile): LaneTiles {
  return { channels: s.groups * tiles(s.outC / s.groups, width), others: tiles(filterQuads(s), lanes) };
}

/**
 * dw of conv, summed over `rowsPerSplit` of the batch * outH output rows each. Reads x, dy; writes partials
 * [splits, kernelH, kernelW, groupC, outC].
 */
export function lanesFilterGrad(layout: ConvLayout, tile: LaneTile): Program {
  const { isCVec, isFVec } = layout;
  const { lanes, width } = tile;
  const quads = width / 4;
  // Pixels whose dy one load of the subgroup brings.
  const pixels = Math.max(1, Math.floor(lanes / quads));
  const row = isCVec
    ? `let quadsC = u.groupC / 4u;
  let tap = divide(m, quadsC);
  let c = (m - tap * quadsC) * 4u;
  let kh = divide(tap, u.kernelW);
  let kw = tap - kh * u.kernelW;
  let atW = i32(kw * u.dilationW) - i32(u.padW);`
    : `let steps = u.kernelW * u.inC;
  let kh = divide(m, (steps + 3u) / 4u);
  let k = (m - kh * ((steps + 3u) / 4u)) * 4u;
  let filterRow = kh * steps + k;
  let atW = i32(k) - i32(u.padW * u.inC);`;
  const load = (z: number): string => {
    const isLive = z === 0 ? '' : ` & (ow + ${z}u < u.outW)`;
    return isCVec
      ? `
      let iw${z} = i32((ow + ${z}u) * u.strideW) + atW;
      let in${z} = isRowIn & (u32(iw${z}) < u.inW)${isLive};
      let x${z} = keepIf(x[(xRow + select(0u, u32(iw${z}) * u.inC, in${z})) / 4u], in${z});`
      : `
      let at${z} = i32((ow + ${z}u) * u.strideW * u.inC) + atW;
      let x${z} = loadRow(xRow, at${z}, select(0u, steps - k, isRowIn${isLive}));`;
  };
  return {
    key: `${keyOf('conv2dFilterGrad', layout)}${tileKey(tile)}`,
    source: () => `${HEAD}
${bindings({ x: element(isCVec), dy: element(isFVec) }, { dw: element(isFVec) }, UNIFORMS)}
${isCVec ? '' : ROW_LOADER}
${loader('loadDy', 'dy', isFVec)}
${storer('storeDw', 'dw', isFVec)}
${MAIN(lanes)}
  let tilesF = (u.groupF + ${width - 1}u) / ${width}u;
  let group = divide(wg.x, tilesF);
  let fInGroup = (wg.x - group * tilesF) * ${width}u;
  let rowQuads = ${isCVec ? 'u.kernelH * u.kernelW * u.groupC / 4u' : 'u.kernelH * ((u.kernelW * u.inC + 3u) / 4u)'};
  let tilesM = (rowQuads + ${lanes - 1}u) / ${lanes}u;
  let split = divide(tile, tilesM);
  let unclamped = (tile - split * tilesM) * ${lanes}u + lane;
  let m = min(unclamped, rowQuads - 1u);
  ${row}
  let atH = i32(kh * u.dilationH) - i32(u.padH);
  ${repeat(4, (q) => repeat(quads, (j) => `var acc${q}_${j} = vec4f();`))}
  let f = min(fInGroup + lane % ${quads}u * 4u, ${isFVec ? 'u.groupF - 4u' : 'u.groupF - 1u'});
  let leftF = u.groupF - f;
  let start = split * u.rowsPerSplit;
  let end = min(start + u.rowsPerSplit, u.batch * u.outH);
  var b = divide(start, u.outH);
  var oh = start - b * u.outH;
  for (var row = start; row < end; row++) {
    let ih = i32(oh * u.strideH) + atH;
    let isRowIn = u32(ih) < u.inH;
    let xRow = select(0u, (b * u.inH + u32(ih)) * u.inW * u.inC, isRowIn)${isCVec ? ' + group * u.groupC + c' : ''};
    var dyAt = row * u.outW * u.outC + group * u.groupF + f;
    for (var ow = 0u; ow < u.outW; ow += ${pixels}u) {
      let dyShare = loadDy(dyAt + min(lane / ${quads}u, u.outW - 1u - ow) * u.outC, leftF);
      dyAt += ${pixels}u * u.outC;
      ${repeat(pixels, load)}
      ${repeat(quads, (j) =>
        repeat(
          pixels,
          (z) =>
            `{ let s = subgroupBroadcast(dyShare, ${z * quads + j}u); ${[0, 1, 2, 3].map((q) => `acc${q}_${j} += x${z}[${q}] * s;`).join(' ')} }`,
        ),
      )}
    }
    oh++;
    if (oh == u.outH) { oh = 0u; b++; }
  }
  if (unclamped >= rowQuads) { return; }
  let rows = u.kernelH * u.kernelW * u.groupC;
  let to = (split * rows + ${isCVec ? 'm * 4u' : 'filterRow'}) * u.outC + group * u.groupF + fInGroup;
  ${repeat(4, (q) =>
    repeat(
      quads,
      (j) =>
        `if (fInGroup + ${4 * j}u < u.groupF${isCVec ? '' : ` && k + ${q}u < steps`}) { storeDw(to + ${q}u * u.outC + ${4 * j}u, u.groupF - fInGroup - ${4 * j}u, acc${q}_${j}); }`,
    ),
  )}
}`,
  };
}
