// A profile as the page shows it: ops joined by what they compute, each with its share.
import type { ProfiledOp, StepProfile } from '../../contracts/runEvents.ts';

export interface ProfileLine extends ProfiledOp {
  /** Of the longest line, [0, 1]: by time, or by bytes where there are no times. */
  readonly length: number;
  /** Of all, [0, 1]. */
  readonly share: number;
  readonly gflops: number | null;
}

export interface ProfileView {
  readonly lines: readonly ProfileLine[];
  readonly total: ProfiledOp;
}

const EMPTY: ProfiledOp = { op: 'all', dispatches: 0, gpuMs: 0, bytes: 0, flops: 0 };

function add(a: ProfiledOp, b: ProfiledOp): ProfiledOp {
  return {
    op: a.op,
    dispatches: a.dispatches + b.dispatches,
    gpuMs: a.gpuMs + b.gpuMs,
    bytes: a.bytes + b.bytes,
    flops: a.flops + b.flops,
  };
}

/** @param isJoined one line for each op (`conv2d`), not for each of its programs (`conv2d c4 f4 bias`) */
export function profileView({ ops, hasTimes }: StepProfile, isJoined: boolean): ProfileView {
  const joined = new Map<string, ProfiledOp>();
  for (const each of ops) {
    const [firstWord = ''] = each.op.split(' ');
    const op = isJoined ? firstWord : each.op;
    joined.set(op, add(joined.get(op) ?? { ...EMPTY, op }, each));
  }
  const total = ops.reduce(add, EMPTY);
  const weight = (op: ProfiledOp): number => (hasTimes ? op.gpuMs : op.bytes);
  const rows = [...joined.values()].sort((a, b) => weight(b) - weight(a));
  const longest = Math.max(...rows.map(weight), Number.MIN_VALUE);
  const lines = rows.map((op) => ({
    ...op,
    length: weight(op) / longest,
    share: weight(op) / Math.max(weight(total), Number.MIN_VALUE),
    gflops: hasTimes && op.flops > 0 && op.gpuMs > 0 ? op.flops / op.gpuMs / 1e6 : null,
  }));
  return { lines, total };
}
