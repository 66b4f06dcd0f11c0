// GPU time per program, by timestamp queries around each dispatch. Off unless `startProfile` was called.
import { handleOrThrow } from './engine.ts';

/** One row of a profile. */
export interface ProfileRow {
  /** The program's key. */
  readonly program: string;
  readonly dispatches: number;
  readonly gpuMs: number;
}

/** One timed dispatch. */
export interface ProfilePass {
  /** The program's key. */
  readonly program: string;
  /** Nanoseconds since the first pass began. */
  readonly startNs: number;
  readonly endNs: number;
}

const MAX_PASSES = 2048;

interface Session {
  readonly querySet: GPUQuerySet;
  readonly names: string[];
}

let session: Session | null = null;

export function isProfiling(): boolean {
  return session !== null && session.names.length < MAX_PASSES;
}

/** Time every own dispatch from now on (at most 2,048). Needs the `timestamp-query` feature. */
export function startProfile(): void {
  const { device } = handleOrThrow();
  session = { querySet: device.createQuerySet({ type: 'timestamp', count: 2 * MAX_PASSES }), names: [] };
}

/** Begin a pass that is timed under `name`. Only while {@link isProfiling}. */
export function beginTimedPass(
  _device: GPUDevice,
  encoder: GPUCommandEncoder,
  name: string,
): GPUComputePassEncoder {
  if (!session) return encoder.beginComputePass();
  const index = session.names.push(name) - 1;
  return encoder.beginComputePass({
    timestampWrites: {
      querySet: session.querySet,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    },
  });
}

/** Stop, and add the times up per program, the longest first. Call after {@link onIdle}. */
export async function endProfile(): Promise<ProfileRow[]> {
  const rows = new Map<string, { dispatches: number; gpuMs: number }>();
  for (const { program, endNs, startNs } of await endProfilePasses()) {
    const row = rows.get(program) ?? { dispatches: 0, gpuMs: 0 };
    row.dispatches += 1;
    row.gpuMs += (endNs - startNs) / 1e6;
    rows.set(program, row);
  }
  return [...rows].map(([program, row]) => ({ program, ...row })).sort((a, b) => b.gpuMs - a.gpuMs);
}

/** Stop. @returns every timed dispatch, in their order. Call after {@link onIdle}. */
export async function endProfilePasses(): Promise<ProfilePass[]> {
  const done = session;
  session = null;
  if (!done) return [];
  const { device } = handleOrThrow();
  const bytes = done.names.length * 16;
  if (bytes === 0) {
    done.querySet.destroy();
    return [];
  }
  const resolved = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(done.querySet, 0, 2 * done.names.length, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const times = new BigUint64Array(staging.getMappedRange());
  const first = times[0];
  const passes = done.names.map((program, i) => ({
    program,
    startNs: Number(times[2 * i] - first),
    endNs: Number(times[2 * i + 1] - first),
  }));
  for (const buffer of [resolved, staging]) buffer.destroy();
  done.querySet.destroy();
  return passes;
}
