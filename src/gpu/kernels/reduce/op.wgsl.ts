// WGSL of reductions over the middle axis of [outer, mid, inner].
import { bindings, flatMain, type Program } from '../../dispatch/program.ts';

export type Reduction = 'sum' | 'max';

// Floats as integers that order alike, NaN above all: comparisons of floats may be compiled as if NaN didn't exist.
const ORDER = `
fn order(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let ordered = select(i32(size), -i32(size), (bits & 0x80000000u) != 0u);
  return select(ordered, 0x7fffffff, size > 0x7f800000u);
}`;

/**
 * Reads x; writes [outer, chunks, inner], chunk k holding every chunks-th value from the k-th on, so that neighbouring
 * threads read neighbouring values also where inner is 1.
 */
export function reduceProgram(kind: Reduction): Program {
  const step = kind === 'sum' ? 'acc += v;' : 'acc = select(acc, v, order(v) > order(acc));';
  return {
    key: `reduce ${kind}`,
    source:
      () => `${bindings({ x: 'f32' }, { y: 'f32' }, 'size: u32, mid: u32, inner: u32, chunks: u32, scale: f32')}
${kind === 'max' ? ORDER : ''}
${flatMain(`  if (i >= u.size) { return; }
  let column = i % u.inner;
  let chunk = i / u.inner % u.chunks;
  let start = i / u.inner / u.chunks * u.mid * u.inner + column;
  var acc = ${kind === 'sum' ? '0.0' : 'bitcast<f32>(0xff800000u + (u.size & 0u))'};
  for (var j = chunk; j < u.mid; j += u.chunks) {
    let v = x[start + j * u.inner];
    ${step}
  }
  y[i] = acc * u.scale;`)}`,
  };
}

/** Reads x (f32 or i32); writes the index of the first maximum along mid. */
export function argMaxProgram(isInt: boolean): Program {
  return {
    key: `argMax ${isInt ? 'i32' : 'f32'}`,
    source: () => `${bindings({ x: isInt ? 'i32' : 'f32' }, { y: 'i32' }, 'size: u32, mid: u32, inner: u32')}
${isInt ? 'fn order(x: i32) -> i32 { return x; }' : ORDER}
${flatMain(`  if (i >= u.size) { return; }
  let start = i / u.inner * u.mid * u.inner + i % u.inner;
  var best = 0u;
  var bestOrder = order(x[start]);
  for (var j = 1u; j < u.mid; j++) {
    let rank = order(x[start + j * u.inner]);
    if (rank > bestOrder) { best = j; bestOrder = rank; }
  }
  y[i] = i32(best);`)}`,
  };
}
