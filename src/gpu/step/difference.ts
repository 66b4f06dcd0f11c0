// Whether a step's body does the same as when it was recorded.
import type { DataId } from '../device/backend.ts';
import type { HostValues, Recording } from './recordedStep.ts';
import { nameOf } from './stepRecorder.ts';
import { at, take } from '../../util/at.ts';

/**
 * Where two recordings of one body differ, as a noun for a message; null when a replay of the one does what the
 * other would.
 */
export function difference<A>(a: Recording<A>, b: Recording<A>): string | null {
  if (a.dispatches.length !== b.dispatches.length)
    return `the number of dispatches (${a.dispatches.length}, then ${b.dispatches.length})`;
  // Tensors of the two recordings that stand for each other.
  const twin = new Map<DataId, DataId>();
  const isTwin = (x: DataId, y: DataId): boolean => {
    const known = twin.get(x);
    if (known) return known === y;
    twin.set(x, y);
    const [p, q] = [a.tensors.get(x), b.tensors.get(y)];
    if (!p || !q || p.bytes !== q.bytes || p.origin.kind !== q.origin.kind) return false;
    if (p.origin.kind === 'outside') return x === y;
    return p.origin.kind !== 'constant' || q.origin.kind !== 'constant'
      ? true
      : areEqual(p.origin.values, q.origin.values);
  };
  for (const [i, x] of a.dispatches.entries()) {
    const y = at(b.dispatches, i);
    const name = nameOf(x);
    if (x.program.key !== y.program.key) return `${name} (later ${nameOf(y)})`;
    if (x.grid.join() !== y.grid.join()) return `the size of ${name}`;
    const isLive = x.liveUniforms !== null && y.liveUniforms !== null;
    if (!isLive && !areEqual(x.uniforms ?? NOTHING, y.uniforms ?? NOTHING))
      return `a number that '${name}' takes`;
    if (!x.bindings.every(({ data }, k) => isTwin(data, at(y.bindings, k).data)))
      return `a tensor that '${name}' takes`;
  }
  return a.outputs.every(({ data }, i) => i < b.outputs.length && isTwin(data, at(b.outputs, i).data))
    ? null
    : 'its outputs';
}

const NOTHING = new Uint32Array();

function areEqual(a: HostValues, b: HostValues): boolean {
  // By bits: NaN is equal to itself here.
  if (a.length !== b.length) return false;
  const [x, y] = take(
    [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length)),
    2,
  );
  return x.every((word, i) => word === y[i]);
}
