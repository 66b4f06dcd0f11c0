// In-place elementwise programs: how optimizers update parameters and state without allocating or reading back.
import { invariant } from '../../errors/index.ts';
import { bindings, flatMain, spread, type Program } from './program.ts';
import { runProgram } from './runProgram.ts';
import type { Tensor } from '../device/tfjs.ts';
import { take } from '../../util/at.ts';

/** One update rule and the tensors it runs over. All of `reads` and `writes` have the same number of elements. */
export interface ElementwiseRun {
  /** Names the rule in profiles; rules with different bodies may share a name. */
  readonly name: string;
  /**
   * WGSL statements for one element. Each key of `reads` and `scalars` is an f32 `let`, each key of `writes` an f32 `var`
   * that is loaded before and stored after; uniforms are read as `u.<key>`; `i` is the element's index (u32).
   */
  readonly body: string;
  readonly reads?: Readonly<Record<string, Tensor>>;
  /** Tensors of one element, the same for every element of the others: a clip factor, a loss scale. */
  readonly scalars?: Readonly<Record<string, Tensor>>;
  /** Updated in place. */
  readonly writes: Readonly<Record<string, Tensor>>;
  /** Hyper-parameters (f32). New values cost no compilation. */
  readonly uniforms?: Readonly<Record<string, number>>;
  /** Gives the hyper-parameters anew at each replay of a recorded step; without it they stay what they are. */
  readonly liveUniforms?: () => Readonly<Record<string, number>>;
  /** WGSL functions that the body calls. */
  readonly helpers?: string;
}

/**
 * Run an elementwise update in place, in one dispatch.
 *
 * Tensors written must not share memory with any other tensor of the run (`variable()` and `zerosLike()` never do).
 * The tensors are float32; at most 8 of them besides the uniforms run on every device.
 *
 * @example
 * // SGD with momentum and weight decay
 * runElementwise({
 *   name: 'sgd',
 *   body: `let d = g + u.weightDecay * p; buf = u.momentum * buf + d; p = p - u.lr * buf;`,
 *   reads: { g: grad },
 *   writes: { p: parameter, buf: momentumBuffer },
 *   uniforms: { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 },
 * });
 */
export function runElementwise(run: ElementwiseRun): void {
  const reads = run.reads ?? {};
  const scalars = run.scalars ?? {};
  const { writes } = run;
  const uniforms = run.uniforms ?? {};
  const live = run.liveUniforms;
  const [size] = take(
    Object.values(writes).map((t) => t.size),
    1,
  );
  for (const [name, t] of [...Object.entries(reads), ...Object.entries(writes)])
    invariant(t.size === size, `elementwise ${run.name}: ${name} has ${t.size} elements, not ${size}`);
  for (const [name, t] of Object.entries(scalars))
    invariant(t.size === 1, `elementwise ${run.name}: scalar ${name} has ${t.size} elements`);
  if (size === 0) return;
  runProgram(elementwiseProgram(run.name, run.body, run.helpers ?? '', reads, scalars, writes, uniforms), {
    reads: [...Object.values(reads), ...Object.values(scalars)],
    writes: Object.values(writes),
    uniforms: uniformWords(size, Object.values(uniforms)),
    liveUniforms: live && (() => uniformWords(size, Object.values(live()))),
    grid: spread(size / 64),
  });
}

type Names = Readonly<Record<string, unknown>>;

function elementwiseProgram(
  name: string,
  body: string,
  helpers: string,
  reads: Names,
  scalars: Names,
  writes: Names,
  uniforms: Names,
): Program {
  const [r, s, w, h] = take(
    [reads, scalars, writes, uniforms].map((names) => Object.keys(names)),
    4,
  );
  return {
    key: `elementwise ${name}|${r.join()}|${s.join()}|${w.join()}|${h.join()}|${body}|${helpers}`,
    source: () => {
      const arrays = (names: string[]): Record<string, string> =>
        Object.fromEntries(names.map((n) => [`${n}_data`, 'f32']));
      const fields = ['size: u32', ...h.map((n) => `${n}: f32`)].join(', ');
      return `${bindings({ ...arrays(r), ...arrays(s) }, arrays(w), fields)}
${helpers}
${flatMain(`
  if (i >= u.size) { return; }
${r.map((n) => `  let ${n} = ${n}_data[i];`).join('\n')}
${s.map((n) => `  let ${n} = ${n}_data[0];`).join('\n')}
${w.map((n) => `  var ${n} = ${n}_data[i];`).join('\n')}
  ${body}
${w.map((n) => `  ${n}_data[i] = ${n};`).join('\n')}`)}`;
    },
  };
}

function uniformWords(size: number, values: number[]): Uint32Array {
  const words = new Uint32Array(1 + values.length);
  words[0] = size;
  new Float32Array(words.buffer, 4).set(values);
  return words;
}

/** Copy `source`'s data into `target` (same size), in place: no handle is shared afterwards. */
export function copyInto(target: Tensor, source: Tensor): void {
  invariant(target.dtype === source.dtype, `copy of ${source.dtype} into ${target.dtype}`);
  invariant(target.size === source.size, `copy of ${source.size} elements into ${target.size}`);
  if (source.size === 0 || target.dataId === source.dataId) return;
  // Words are copied as they are: NaN payloads and int32 survive.
  runProgram(COPY, {
    reads: [source],
    writes: [target],
    uniforms: Uint32Array.of(source.size),
    areUniformsStatic: true,
    grid: spread(source.size / 64),
  });
}

const COPY: Program = {
  key: 'copy',
  source: () => `${bindings({ source: 'u32' }, { target_data: 'u32' }, 'size: u32')}
${flatMain('  if (i < u.size) { target_data[i] = source[i]; }')}`,
};

/** target += source, in place (same size). */
export function addInto(target: Tensor, source: Tensor): void {
  runElementwise({ name: 'addInto', body: 'a = a + b;', reads: { b: source }, writes: { a: target } });
}

/**
 * Multiply every tensor by a one-element tensor, in place. Tensors that share memory are scaled once, so pass all that
 * do (all gradients of a step).
 */
export function scaleAll(tensors: readonly Tensor[], factor: Tensor): void {
  const unique = new Map(tensors.map((t) => [t.dataId, t]));
  for (const t of unique.values())
    runElementwise({ name: 'scale', body: 'x = x * factor;', scalars: { factor }, writes: { x: t } });
}
