// Depthwise convolution, four channels a thread, as variants of `conv2d` (whose reference specifies them). Kernel, stride
// and padding are part of the source, so that values of the picture are loaded once for all the taps that meet them.
//
// Forward and input gradient: a thread goes down a strip of 2 or 4 columns. Filter gradient: it goes along the rows of its
// split. All of them keep a window of source values in registers, to which each step adds its new ones.
import { bindings, type Program } from '../../dispatch/program.ts';
import type { ConvShape } from '../conv2d/shape.ts';
import {
  DIVIDE,
  epilogueKey,
  forwardHeader,
  KEEP_IF,
  repeat,
  UNIFORMS,
  type Epilogue,
} from '../conv2d/wgsl.ts';

const MAX_KERNEL = 7;

/** True for the shapes that these programs take: one filter a channel, channels by four, small square-ish windows. */
export function isDepthwise(s: ConvShape): boolean {
  const isPerChannel = s.groups === s.inC && s.outC === s.inC && s.inC % 4 === 0 && s.inC > 1;
  const isSmall = Math.max(s.kernelH, s.kernelW) <= MAX_KERNEL && Math.max(s.strideH, s.strideW) <= 2;
  return isPerChannel && isSmall && s.dilationH === 1 && s.dilationW === 1;
}

const keyOf = (name: string, s: ConvShape): string =>
  `depthwiseConv2d${name} k${s.kernelH}x${s.kernelW} s${s.strideH}x${s.strideW} p${s.padH}x${s.padW}`;

const MAIN = `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * grid.x) * 64u + local;
  if (i >= u.size) { return; }
  let quads = u.inC / 4u;
  let rest = divide(i, quads);
  let c = i - rest * quads;`;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

// How outputs meet sources along one axis: output `to` of a step reads source `from` through tap `tap`.
interface Meeting {
  readonly to: number;
  readonly from: number;
  readonly tap: number;
}

// Along one axis: the meetings, sources counted from `low`; how many sources; how far they move per step.
interface Window {
  readonly outputs: number;
  readonly meetings: readonly Meeting[];
  readonly low: number;
  readonly size: number;
  readonly advance: number;
}

function windowOf(outputs: number, advance: number, meetings: readonly Meeting[]): Window {
  const sources = meetings.map(({ from }) => from);
  const low = Math.min(...sources);
  const shifted = meetings.map((m) => ({ ...m, from: m.from - low }));
  return { outputs, meetings: shifted, low, size: Math.max(...sources) - low + 1, advance };
}

function forwardWindow(outputs: number, kernel: number, stride: number): Window {
  const meetings = range(outputs).flatMap((to) =>
    range(kernel).map((tap) => ({ to, tap, from: to * stride + tap })),
  );
  return windowOf(outputs, outputs * stride, meetings);
}

// Outputs in multiples of the stride: the taps that a pixel meets are known.
function inputGradWindow(outputs: number, kernel: number, stride: number, pad: number): Window {
  const meetings = range(outputs)
    .flatMap((to) => range(kernel).map((tap) => ({ to, tap, from: (to + pad - tap) / stride })))
    .filter(({ from }) => Number.isInteger(from));
  return windowOf(outputs, outputs / stride, meetings);
}

const source = (row: number, column: number): string => `x${row}_${column}`;

// A strip: `steps` steps down the picture, each of which shifts the window of source values, loads its new rows and sums.
// The first steps only fill the window. `store` runs with `step` >= 0. Places are worked out once per row and column.
function strip(
  picture: SourcePicture,
  rows: Window,
  columns: Window,
  kernelW: number,
  store: (row: number, column: number) => string,
): string {
  const kept = Math.max(rows.size - rows.advance, 0);
  const sums = rows.meetings.flatMap((r) =>
    columns.meetings.map(
      (q) => `acc${r.to}_${q.to} += ${source(r.from, q.from)} * w${r.tap * kernelW + q.tap};`,
    ),
  );
  return `
  ${repeat(rows.size, (r) => repeat(columns.size, (q) => `var ${source(r, q)} = vec4f();`))}
  ${repeat(columns.size, (q) => columnPlace(picture, q, `left + (${columns.low + q})`))}
  for (var step = ${-Math.ceil(kept / rows.advance)}; step < steps; step++) {
    ${repeat(kept, (r) => repeat(columns.size, (q) => `${source(r, q)} = ${source(r + rows.advance, q)};`))}
    let newest = top + step * ${rows.advance} + (${rows.low});
    ${range(rows.size)
      .slice(kept)
      .map((r) =>
        [
          rowPlace(picture, r, `newest + ${r}`),
          ...range(columns.size).map((q) => `${source(r, q)} = ${loadAt(r, q)};`),
        ].join('\n'),
      )
      .join('\n')}
    if (step < 0) { continue; }
    ${repeat(rows.outputs, (a) => repeat(columns.outputs, (k) => `var acc${a}_${k} = vec4f();`))}
    ${sums.join('\n')}
    ${repeat(rows.outputs, (a) => repeat(columns.outputs, (k) => store(a, k)))}
  }`;
}

// One load in a loop: a software adapter's compile time grows with the number of loads in the source.
const weights = (count: number): string => `
  ${repeat(count, (t) => `var w${t} = vec4f();`)}
  for (var t = 0u; t < ${count}u; t++) {
    let v = loadW((t * quads + c) * 4u, 4u);
    ${repeat(count, (t) => `w${t} = select(w${t}, v, t == ${t}u);`)}
  }`;

// Where source values come from: names of the uniforms that hold its size.
interface SourcePicture {
  readonly height: 'inH' | 'outH';
  readonly width: 'inW' | 'outW';
}
const INPUT: SourcePicture = { height: 'inH', width: 'inW' };
const OUTPUT: SourcePicture = { height: 'outH', width: 'outW' };

// WGSL: whether a row or column `at` of picture `b` is inside, and where its values are.
const rowPlace = ({ height, width }: SourcePicture, r: number, at: string): string => `
    let row${r} = u32(${at});
    let isRowIn${r} = row${r} < u.${height};
    let rowAt${r} = (b * u.${height} + row${r}) * u.${width} * quads + c;`;
const columnPlace = ({ width }: SourcePicture, q: number, at: string): string => `
    let column${q} = u32(${at});
    let isColumnIn${q} = column${q} < u.${width};
    let columnAt${q} = column${q} * quads;`;
const loadAt = (r: number, q: number): string =>
  `loadFrom(rowAt${r} + columnAt${q}, isRowIn${r} & isColumnIn${q})`;

// A function that reads four channels of a picture, 0 outside.
const sourceLoader = (buffer: string): string => `${KEEP_IF}${DIVIDE}
fn loadFrom(at: u32, isIn: bool) -> vec4f { return keepIf(${buffer}[select(0u, at, isIn)], isIn); }`;

// Strips of about equal length. Each has to fill its window first, so they are long.
const MAX_STEPS = 12;

/** Steps of a strip of {@link depthwiseForward}: its uniform `rowsPerSplit`. */
export function depthwiseForwardSteps(s: ConvShape): number {
  return stepsOf(s.outH);
}

/** Steps of a strip of {@link depthwiseInputGrad}: its uniform `rowsPerSplit`. */
export function depthwiseInputGradSteps(s: ConvShape): number {
  return stepsOf(Math.ceil(s.inH / s.strideH));
}

const stepsOf = (all: number): number => Math.ceil(all / Math.ceil(all / MAX_STEPS));

// Columns of a strip: fewer where the stride makes each of them need more source columns.
const forwardColumns = (s: ConvShape): number => (s.strideW === 1 ? 4 : 2);
const INPUT_COLUMNS = 4;

/** Threads of {@link depthwiseForward}. */
export function depthwiseForwardThreads(s: ConvShape): number {
  const strips = Math.ceil(s.outH / depthwiseForwardSteps(s)) * Math.ceil(s.outW / forwardColumns(s));
  return s.batch * strips * (s.inC / 4);
}

/** y = conv(x, w) [+ bias] [then activation]. Reads x, w, [bias]; writes y, [values before the activation]. */
export function depthwiseForward(s: ConvShape, epilogue: Epilogue): Program {
  const count = forwardColumns(s);
  const rows = forwardWindow(1, s.kernelH, s.strideH);
  const columns = forwardWindow(count, s.kernelW, s.strideW);
  const store = (_: number, k: number): string =>
    `${k === 0 ? 'let to = ((b * u.outH + oh + u32(step)) * u.outW + ow) * u.inC + c * 4u;' : ''}
    if (ow + ${k}u < u.outW) { finish(to + ${k}u * u.inC, 4u, acc0_${k}, c * 4u); }`;
  return {
    key: `${keyOf('', s)}${epilogueKey(epilogue)}`,
    source: () => `${forwardHeader('vec4f', true, epilogue)}
${sourceLoader('x')}
${MAIN}
  let tilesW = (u.outW + ${count - 1}u) / ${count}u;
  let tilesH = divide(u.outH + u.rowsPerSplit - 1u, u.rowsPerSplit);
  let down = divide(rest, tilesW);
  let b = divide(down, tilesH);
  let ow = (rest - down * tilesW) * ${count}u;
  let oh = (down - b * tilesH) * u.rowsPerSplit;
  let steps = i32(min(u.rowsPerSplit, u.outH - oh));
  let top = i32(oh * ${s.strideH}u) - ${s.padH};
  let left = i32(ow * ${s.strideW}u) - ${s.padW};
  ${weights(s.kernelH * s.kernelW)}
  ${strip(INPUT, rows, columns, s.kernelW, store)}
}`,
  };
}

/** Threads of {@link depthwiseInputGrad}. */
export function depthwiseInputGradThreads(s: ConvShape): number {
  const strips =
    Math.ceil(s.inH / (s.strideH * depthwiseInputGradSteps(s))) * Math.ceil(s.inW / INPUT_COLUMNS);
  return s.batch * strips * (s.inC / 4);
}

/** dx of conv. Reads dy, w; writes dx. */
export function depthwiseInputGrad(s: ConvShape): Program {
  const rows = inputGradWindow(s.strideH, s.kernelH, s.strideH, s.padH);
  const columns = inputGradWindow(INPUT_COLUMNS, s.kernelW, s.strideW, s.padW);
  const store = (a: number, k: number): string => `{
      let row = ih + u32(step) * ${s.strideH}u + ${a}u;
      if (row < u.inH && iw + ${k}u < u.inW) { dx[((b * u.inH + row) * u.inW + iw + ${k}u) * quads + c] = acc${a}_${k}; }
    }`;
  return {
    key: keyOf('InputGrad', s),
    source: () => `${bindings({ dy: 'vec4f', w: 'vec4f' }, { dx: 'vec4f' }, UNIFORMS)}
fn loadW(at: u32, left: u32) -> vec4f { return w[at / 4u]; }
${sourceLoader('dy')}
${MAIN}
  let tilesW = (u.inW + ${INPUT_COLUMNS - 1}u) / ${INPUT_COLUMNS}u;
  let allSteps = (u.inH + ${s.strideH - 1}u) / ${s.strideH}u;
  let tilesH = divide(allSteps + u.rowsPerSplit - 1u, u.rowsPerSplit);
  let down = divide(rest, tilesW);
  let b = divide(down, tilesH);
  let iw = (rest - down * tilesW) * ${INPUT_COLUMNS}u;
  let first = (down - b * tilesH) * u.rowsPerSplit;
  let steps = i32(min(u.rowsPerSplit, allSteps - first));
  let top = i32(first);
  let ih = first * ${s.strideH}u;
  let left = i32(iw / ${s.strideW}u);
  ${weights(s.kernelH * s.kernelW)}
  ${strip(OUTPUT, rows, columns, s.kernelW, store)}
}`,
  };
}

/** Threads of {@link depthwiseFilterGrad} in one split. */
export function depthwiseFilterGradThreads(s: ConvShape): number {
  return s.inC / 4;
}

/** dw of conv, summed over `rowsPerSplit` output rows each. Reads x, dy; writes partials [splits, kh, kw, 1, C]. */
export function depthwiseFilterGrad(s: ConvShape): Program {
  const { kernelH, kernelW, strideW } = s;
  const kept = Math.max(kernelW - strideW, 0);
  return {
    key: keyOf('FilterGrad', s),
    source: () => `${bindings({ x: 'vec4f', dy: 'vec4f' }, { dw: 'vec4f' }, UNIFORMS)}
${sourceLoader('x')}
${MAIN}
  let split = rest;
  let end = min((split + 1u) * u.rowsPerSplit, u.batch * u.outH);
  ${repeat(kernelH * kernelW, (t) => `var acc${t} = vec4f();`)}
  for (var row = split * u.rowsPerSplit; row < end; row++) {
    let b = divide(row, u.outH);
    let top = i32((row - b * u.outH) * ${s.strideH}u) - ${s.padH};
    ${repeat(kernelH, (kh) => rowPlace(INPUT, kh, `top + ${kh}`))}
    ${repeat(kernelH, (kh) => repeat(kernelW, (k) => `var ${source(kh, k)} = vec4f();`))}
    let dyAt = row * u.outW * quads + c;
    // The first steps only fill the window.
    for (var ow = ${-Math.ceil(kept / strideW)}; ow < i32(u.outW); ow++) {
      let left = ow * ${strideW} - ${s.padW};
      ${repeat(kernelH, (kh) => repeat(kept, (k) => `${source(kh, k)} = ${source(kh, k + strideW)};`))}
      ${range(kernelW)
        .slice(kept)
        .map((k) => columnPlace(INPUT, k, `left + ${k}`))
        .join('\n')}
      ${repeat(kernelH, (kh) => repeat(kernelW, (k) => (k >= kept ? `${source(kh, k)} = ${loadAt(kh, k)};` : '')))}
      if (ow < 0) { continue; }
      let d = dy[dyAt + u32(ow) * quads];
      ${repeat(kernelH, (kh) => repeat(kernelW, (k) => `acc${kh * kernelW + k} += ${source(kh, k)} * d;`))}
    }
  }
  for (var t = 0u; t < ${kernelH * kernelW}u; t++) {
    var sum = acc0;
    ${repeat(kernelH * kernelW, (t) => `sum = select(sum, acc${t}, t == ${t}u);`)}
    dw[(split * ${kernelH * kernelW}u + t) * quads + c] = sum;
  }
}`,
  };
}
