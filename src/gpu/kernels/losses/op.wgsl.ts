// WGSL of fused losses. A loss is two functions of a value's index: the value, and what writes its gradient by the
// prediction. Three programs are made of them (the values, chunk sums, the gradient); a fourth joins the sums.
import { bindings, flatMain, type Program } from '../../dispatch/program.ts';

export interface LossSource {
  /** Names the source: every value that changes it is part of the name. */
  readonly name: string;
  /** Buffers, in binding order: the prediction first. */
  readonly reads: Readonly<Record<string, string>>;
  /** Uniform fields besides `size`, such as `gamma: f32`. */
  readonly uniforms: string;
  /** Defines `fn value(i: u32) -> f32`. */
  readonly functions: string;
  /** Statements that write `grad`, the gradient of value(i) times `d`. May call {@link functions}. */
  readonly gradient: string;
  /** Element type of `grad`; default f32. */
  readonly gradType?: 'vec4f';
}

/** What a loss is multiplied with and divided by; a divisor that is a tensor is read from the GPU. */
const SCALE = 'factor: f32, divisor: f32, epsilon: f32';

const fields = (source: LossSource): string =>
  ['size: u32', source.uniforms, SCALE].filter((f) => f !== '').join(', ');

const divisorOf = (hasDivisor: boolean): string => (hasDivisor ? '(divisor[0] + u.epsilon)' : 'u.divisor');

/** Writes factor * value of each. */
export function elementProgram(source: LossSource): Program {
  return {
    key: `${source.name} each`,
    source: () => `${bindings(source.reads, { loss: 'f32' }, fields(source))}
${source.functions}
${flatMain('if (i < u.size) { loss[i] = value(i) * u.factor; }')}`,
  };
}

/** Writes the sums of every threads-th value, from the thread's own on: neighbours read neighbouring values. */
export function chunkSumProgram(source: LossSource): Program {
  return {
    key: `${source.name} sum`,
    source: () => `${bindings(source.reads, { sums: 'f32' }, `${fields(source)}, threads: u32`)}
${source.functions}
${flatMain(`
  if (i >= u.threads) { return; }
  var acc = 0.0;
  for (var j = i; j < u.size; j += u.threads) { acc += value(j); }
  sums[i] = acc;`)}`,
  };
}

/** Threads of {@link joinProgram}'s only workgroup. */
const JOINERS = 64;

/**
 * factor * (sum / divisor). One workgroup with one barrier, after which one thread adds up: in a fixed order, and cheap
 * on software adapters too. Reads sums, then the divisor where it is a tensor.
 */
export function joinProgram(hasDivisor: boolean): Program {
  const reads = { sums: 'f32', ...(hasDivisor ? { divisor: 'f32' } : {}) };
  return {
    key: `lossJoin${hasDivisor ? ' divisor' : ''}`,
    source: () => `${bindings(reads, { loss: 'f32' }, `size: u32, ${SCALE}`)}
var<workgroup> parts: array<f32, ${JOINERS}>;
@compute @workgroup_size(${JOINERS})
fn main(@builtin(local_invocation_index) local: u32) {
  var acc = 0.0;
  for (var j = local; j < u.size; j += ${JOINERS}u) { acc += sums[j]; }
  parts[local] = acc;
  workgroupBarrier();
  if (local > 0u) { return; }
  var total = 0.0;
  for (var k = 0u; k < ${JOINERS}u; k++) { total += parts[k]; }
  loss[0] = u.factor * (total / ${divisorOf(hasDivisor)});
}`,
  };
}

/** Reads the loss's buffers, dy (one value, or one per element), the divisor where it is a tensor; writes grad. */
export function gradProgram(source: LossSource, isSummed: boolean, hasDivisor: boolean): Program {
  const reads = { ...source.reads, dy: 'f32', ...(hasDivisor ? { divisor: 'f32' } : {}) };
  const scale = isSummed ? `dy[0] * u.factor / ${divisorOf(hasDivisor)}` : 'dy[i] * u.factor';
  return {
    key: `${source.name} grad ${isSummed ? 'sum' : 'each'}${hasDivisor ? ' divisor' : ''}`,
    source: () => `${bindings(reads, { grad: source.gradType ?? 'f32' }, fields(source))}
${source.functions}
${flatMain(`  if (i >= u.size) { return; }
  let d = ${scale};
  ${source.gradient}`)}`,
  };
}
