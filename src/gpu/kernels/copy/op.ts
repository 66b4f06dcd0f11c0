// Moving values: slices, concatenation, transposition and broadcasting are one program that copies by strides.
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { joinAxes, sizeOf } from '../../dispatch/strides.ts';
import type { TensorInfo } from '../../device/tfjs.ts';
import { axisFields, COORDINATES, dotStrides, MAX_RANK } from '../map/op.wgsl.ts';
import { at, take } from '../../../util/at.ts';

/** A walk through a tensor's memory, in elements. */
export interface Walk {
  readonly tensor: TensorInfo;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** target[offset + x . strides] = source[offset + x . strides] for every coordinate x in `dims`. Any dtype. */
export function copyStrided(source: Walk, target: Walk, dims: readonly number[]): void {
  const size = sizeOf(dims);
  if (size === 0) return;
  const view = joinAxes(dims, [source.strides, target.strides], MAX_RANK);
  const [from, to] = take(view.strides, 2);
  const last = MAX_RANK - 1;
  const isVec =
    (from[last] === 1 || at(view.dims, last) === 1) &&
    (to[last] === 1 || at(view.dims, last) === 1) &&
    [at(view.dims, last), source.offset, target.offset, ...from.slice(0, last), ...to.slice(0, last)].every(
      (n) => n % 4 === 0,
    );
  const width = isVec ? 4 : 1;
  const scaled = (strides: number[]): number[] => strides.map((s, axis) => (axis === last ? s : s / width));
  const dimsInWords = view.dims.map((n, axis) => (axis === last ? n / width : n));
  runProgram(copyProgram(width), {
    reads: [source.tensor],
    writes: [target.tensor],
    uniforms: Uint32Array.of(
      ...[size / width, source.offset / width, target.offset / width],
      ...[...dimsInWords, ...scaled(from), ...scaled(to)],
    ),
    areUniformsStatic: true,
    grid: spread(size / width / 64),
  });
}

// Words are copied as they are: NaN payloads and integers survive.
function copyProgram(width: 1 | 4): Program {
  const T = width === 4 ? 'vec4u' : 'u32';
  const fields = `size: u32, from_offset: u32, to_offset: u32, ${['d', 'from', 'to'].map(axisFields).join(', ')}`;
  return {
    key: `copyStrided c${width}`,
    source: () => `${bindings({ source: T }, { result: T }, fields)}
${flatMain(`  if (i >= u.size) { return; }
  let r0 = i;
  ${COORDINATES}
  result[u.to_offset + ${dotStrides('to')}] = source[u.from_offset + ${dotStrides('from')}];`)}`,
  };
}
