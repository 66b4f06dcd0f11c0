// What the convolution's programs share: uniforms, loaders, the folded bias and activation.
import { bindings, type Grid, type Program } from '../../dispatch/program.ts';
import { activationKey, activationWgsl, isSlopeKnownFromOutput, type Activation } from '../activation.ts';
import type { ConvShape } from './shape.ts';

const FIELDS = [
  'batch', 'inH', 'inW', 'inC', 'outH', 'outW', 'outC', 'kernelH', 'kernelW', 'strideH', 'strideW', 'padH', 'padW',
  'dilationH', 'dilationW', 'groups',
] as const; // prettier-ignore

export const UNIFORMS = [...FIELDS, 'groupC', 'groupF', 'rowsPerSplit', 'size']
  .map((name) => `${name}: u32`)
  .join(', ');

/** Words of the uniform buffer. `size` counts threads or tiles, as the program wants. */
export function convUniforms(shape: ConvShape, size: number, rowsPerSplit = 0): Uint32Array {
  const { inC, outC, groups } = shape;
  return Uint32Array.from([
    ...FIELDS.map((name) => shape[name]),
    inC / groups,
    outC / groups,
    rowsPerSplit,
    size,
  ]);
}

export type ConvKind = 'forward' | 'inputGrad' | 'filterGrad';

/** One way to compute one kind: a program with what its dispatch needs. All variants of a kind take the same tensors. */
export interface ConvVariant {
  readonly name: string;
  readonly program: Program;
  readonly grid: Grid;
  readonly uniforms: Uint32Array;
}

/** What is folded into the forward program. */
export interface Epilogue {
  readonly hasBias: boolean;
  readonly activation?: Activation;
}

/** True when the gradient needs the values before the activation: the forward program writes them as a second output. */
export function keepsPreActivation({ activation }: Epilogue): boolean {
  return activation !== undefined && !isSlopeKnownFromOutput(activation);
}

export function epilogueKey({ hasBias, activation }: Epilogue): string {
  return `${hasBias ? ' bias' : ''}${activation ? ` ${activationKey(activation)}` : ''}`;
}

/** Which tensors may be read four channels at a time. Part of every key. */
export interface ConvLayout {
  /** Channels of x per group are a multiple of 4. */
  readonly isCVec: boolean;
  /** Channels of y per group are a multiple of 4. */
  readonly isFVec: boolean;
}

export function convLayout(shape: ConvShape): ConvLayout {
  return { isCVec: (shape.inC / shape.groups) % 4 === 0, isFVec: (shape.outC / shape.groups) % 4 === 0 };
}

export function keyOf(name: string, { isCVec, isFVec }: ConvLayout): string {
  return `${name} c${isCVec ? 4 : 1} f${isFVec ? 4 : 1}`;
}

/**
 * WGSL: a function that reads four channels from element index `at`, `left` of which exist. Values past the end are 0,
 * not whatever follows: that might be NaN.
 */
export function loader(name: string, buffer: string, isVec: boolean): string {
  if (isVec) return `fn ${name}(at: u32, left: u32) -> vec4f { return ${buffer}[at / 4u]; }`;
  const part = (k: number): string => `select(0.0, ${buffer}[at + ${k}u], left > ${k}u)`;
  return `fn ${name}(at: u32, left: u32) -> vec4f { return vec4f(${[0, 1, 2, 3].map(part).join(', ')}); }`;
}

/**
 * WGSL: `fn keepIf(v: vec4f, isIn: bool) -> vec4f`, v or 0. By bits: on software adapters a select of floats costs a third
 * more time of a whole depthwise convolution.
 */
export const KEEP_IF = `
fn keepIf(v: vec4f, isIn: bool) -> vec4f {
  return bitcast<vec4f>(bitcast<vec4u>(v) & vec4u(select(0u, 0xffffffffu, isIn)));
}`;

/** What {@link DIVIDE}'s quotients must stay below. */
export const MAX_QUOTIENT = 2 ** 22;

/**
 * WGSL: `fn divide(a: u32, n: u32) -> u32` for quotients below 2^22 (whatever a is) and n below 2^24, by floats put right:
 * software adapters take the lanes of an integer division one by one. There the quotient of floats is off by less than 1:
 * 0.625 for the division's 2.5 ULP, 0.25 for a's rounding.
 */
export const DIVIDE = `
fn divide(a: u32, n: u32) -> u32 {
  let q = u32(f32(a) / f32(n));
  let left = i32(a - q * n);
  return select(select(q, q - 1u, left < 0), q + 1u, left >= i32(n));
}`;

export function storer(name: string, buffer: string, isVec: boolean): string {
  if (isVec) return `fn ${name}(at: u32, left: u32, v: vec4f) { ${buffer}[at / 4u] = v; }`;
  const part = (k: number): string => `if (left > ${k}u) { ${buffer}[at + ${k}u] = v[${k}]; }`;
  return `fn ${name}(at: u32, left: u32, v: vec4f) { ${[0, 1, 2, 3].map(part).join(' ')} }`;
}

export const element = (isVec: boolean): 'vec4f' | 'f32' => (isVec ? 'vec4f' : 'f32');

/** `count` lines of WGSL. */
export const repeat = (count: number, f: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => f(i)).join('\n');

/** WGSL: bindings and functions of a forward program: loadW, loadBias, `finish(at, left, sum, f)`, which stores. */
export function forwardHeader(xType: string, isFVec: boolean, epilogue: Epilogue): string {
  const { hasBias, activation } = epilogue;
  const T = element(isFVec);
  const pre = keepsPreActivation(epilogue);
  return `
${bindings(
  { x: xType, w: T, ...(hasBias ? { bias: T } : {}) },
  pre ? { y: T, beforeActivation: T } : { y: T },
  UNIFORMS,
)}
${loader('loadW', 'w', isFVec)}
${hasBias ? loader('loadBias', 'bias', isFVec) : ''}
${storer('storeY', 'y', isFVec)}
${pre ? storer('storeBefore', 'beforeActivation', isFVec) : ''}
${activation ? activationWgsl(activation, 'vec4f') : ''}
fn finish(at: u32, left: u32, sum: vec4f, f: u32) {
  let v = sum${hasBias ? ' + loadBias(f, left)' : ''};
  ${pre ? 'storeBefore(at, left, v);' : ''}
  storeY(at, left, ${activation ? 'activate(v)' : 'v'});
}`;
}
