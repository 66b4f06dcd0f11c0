// GPU time per program, by timestamp queries around each dispatch. Off unless `startProfile` was called. Where the device
// has no timestamps, dispatches, bytes and operations are counted all the same, and times are NaN.
import { handleOrThrow } from './engine.ts';

/** One row of a profile. */
export interface ProfileRow {
  /** The program's key. */
  readonly program: string;
  readonly dispatches: number;
  /** NaN without timestamp queries. */
  readonly gpuMs: number;
  /** Bytes of the buffers that its dispatches bind. */
  readonly bytes: number;
  /** Floating point operations, where the op counts them (convolutions, matrix products); else 0. */
  readonly flops: number;
}

/** What a dispatch has to do, as far as it is known. */
export interface DispatchWork {
  readonly bytes: number;
  readonly flops: number;
}

/** One timed dispatch. */
export interface ProfilePass {
  /** The program's key. */
  readonly program: string;
  /** Nanoseconds since the first pass began; NaN without timestamp queries. */
  readonly startNs: number;
  readonly endNs: number;
  readonly work: DispatchWork;
}

const MAX_PASSES = 2048;

interface Session {
  /** Null without timestamp queries. */
  readonly querySet: GPUQuerySet | null;
  readonly passes: { readonly program: string; readonly work: DispatchWork }[];
}

let session: Session | null = null;

export function isProfiling(): boolean {
  return session !== null && session.passes.length < MAX_PASSES;
}

/** Time every own dispatch from now on (at most 2,048). */
export function startProfile(): void {
  const { device } = handleOrThrow();
  const hasTimes = device.features.has('timestamp-query');
  const querySet = hasTimes ? device.createQuerySet({ type: 'timestamp', count: 2 * MAX_PASSES }) : null;
  session?.querySet?.destroy();
  session = { querySet, passes: [] };
}

/** Put the profile that runs aside, so that another can be taken. @returns what goes on with it */
export function suspendProfile(): () => void {
  const outer = session;
  session = null;
  return () => {
    session = outer;
  };
}

/** Begin a pass that is timed under the program's key. Only while {@link isProfiling}. */
export function beginTimedPass(
  encoder: GPUCommandEncoder,
  program: string,
  work: DispatchWork,
): GPUComputePassEncoder {
  if (!session) return encoder.beginComputePass();
  const index = session.passes.push({ program, work }) - 1;
  if (!session.querySet) return encoder.beginComputePass();
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
  const rows = new Map<string, { dispatches: number; gpuMs: number; bytes: number; flops: number }>();
  for (const { program, endNs, startNs, work } of await endProfilePasses()) {
    const row = rows.get(program) ?? { dispatches: 0, gpuMs: 0, bytes: 0, flops: 0 };
    row.dispatches += 1;
    row.bytes += work.bytes;
    row.flops += work.flops;
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
  const { querySet, passes } = done;
  if (!querySet) return passes.map((pass) => ({ ...pass, startNs: NaN, endNs: NaN }));
  const times = passes.length > 0 ? await readTimes(querySet, passes.length) : [];
  querySet.destroy();
  return passes.map((pass, i) => ({
    ...pass,
    startNs: Number(times[2 * i] - times[0]),
    endNs: Number(times[2 * i + 1] - times[0]),
  }));
}

async function readTimes(querySet: GPUQuerySet, count: number): Promise<bigint[]> {
  const { device } = handleOrThrow();
  const size = count * 16;
  const make = (usage: GPUBufferUsageFlags): GPUBuffer => device.createBuffer({ size, usage });
  const resolved = make(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  const staging = make(GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2 * count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const times = [...new BigUint64Array(staging.getMappedRange())];
  for (const buffer of [resolved, staging]) buffer.destroy();
  return times;
}
