import { at as itemAt } from '../../../util/at.ts';
// Reference of the strided copy.

/** A walk as `op.ts` takes it, through an array. */
export interface WalkCpu<V> {
  readonly values: V;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** target[offset + x . strides] = source[offset + x . strides] for every coordinate x in `dims`, in place. */
export function copyStridedCpu(
  source: WalkCpu<ArrayLike<number>>,
  target: WalkCpu<Float32Array>,
  dims: readonly number[],
): void {
  const size = dims.reduce((a, b) => a * b, 1);
  for (let i = 0; i < size; i += 1) {
    let [rest, from, to] = [i, source.offset, target.offset];
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      const at = rest % itemAt(dims, axis);
      rest = Math.floor(rest / itemAt(dims, axis));
      from += at * itemAt(source.strides, axis);
      to += at * itemAt(target.strides, axis);
    }
    target.values[to] = itemAt(source.values, from);
  }
}
