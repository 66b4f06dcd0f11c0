// GPU time per program, by timestamp queries around each dispatch. Off unless `startProfile` was called. Where the device
// has no timestamps, dispatches, bytes and operations are counted all the same, and times are NaN.
import { handleOrThrow, orLost } from '../device/handle.ts';
import type { DispatchWork } from './program.ts';
import { at as itemAt } from '../../util/at.ts';

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

/** One timed dispatch. */
export interface ProfilePass {
  /** The program's key. */
  readonly program: string;
  /** Nanoseconds since the first pass began; NaN without timestamp queries. */
  readonly startNs: number;
  readonly endNs: number;
  readonly work: DispatchWork;
}

// What WebGPU allows in one query set: a beginning and an end for each pass.
const PASSES_PER_SET = 2048;
// Metal has few sample buffers. This is some thirty iterations of a ResNet-50 detector.
const MAX_SETS = 16;
const MAX_PASSES = MAX_SETS * PASSES_PER_SET;

interface Session {
  /** As many as the passes need; null without timestamp queries. */
  readonly querySets: GPUQuerySet[] | null;
  readonly passes: { readonly program: string; readonly work: DispatchWork }[];
  readonly maxPasses: number;
  /** By the clock, until the last suspension. */
  activeMs: number;
  /** When it began, or went on. */
  sinceMs: number;
}

let session: Session | null = null;

export function isProfiling(): boolean {
  return session !== null && session.passes.length < session.maxPasses;
}

/** Time every own dispatch from now on. @param maxPasses those after so many are not timed; at most 32,768, the default */
export function startProfile(maxPasses = MAX_PASSES): void {
  const { device } = handleOrThrow();
  freeSets();
  const querySets = device.features.has('timestamp-query') ? [] : null;
  session = {
    querySets,
    passes: [],
    maxPasses: Math.min(maxPasses, MAX_PASSES),
    activeMs: 0,
    sinceMs: performance.now(),
  };
}

/** Time nothing for a while; the profile so far is kept. @returns what goes on with it */
export function suspendProfile(): () => void {
  const outer = session;
  if (outer) outer.activeMs += performance.now() - outer.sinceMs;
  session = null;
  return () => {
    if (outer) outer.sinceMs = performance.now();
    session = outer;
  };
}

/** The profile that runs, so far. */
export interface ProfileState {
  /** Dispatches that were timed. */
  readonly timed: number;
  /** How many more can be. */
  readonly left: number;
  /** By the clock, without what it was suspended for. */
  readonly activeMs: number;
}

/** How far the profile is; all zero while there is none. */
export function profileState(): ProfileState {
  if (!session) return { timed: 0, left: 0, activeMs: 0 };
  const { passes, maxPasses, activeMs, sinceMs } = session;
  return {
    timed: passes.length,
    left: maxPasses - passes.length,
    activeMs: activeMs + performance.now() - sinceMs,
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
  const { querySets } = session;
  if (!querySets) return encoder.beginComputePass();
  const at = Math.floor(index / PASSES_PER_SET);
  const first = 2 * (index % PASSES_PER_SET);
  querySets[at] ??= handleOrThrow().device.createQuerySet({ type: 'timestamp', count: 2 * PASSES_PER_SET });
  return encoder.beginComputePass({
    timestampWrites: {
      querySet: querySets[at],
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
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
  const { querySets, passes } = done;
  if (!querySets) return passes.map((pass) => ({ ...pass, startNs: NaN, endNs: NaN }));
  const times: bigint[] = [];
  for (const [i, querySet] of querySets.entries()) {
    const count = Math.min(passes.length - i * PASSES_PER_SET, PASSES_PER_SET);
    times.push(...(await readTimestamps(querySet, 2 * count)));
    querySet.destroy();
  }
  return passes.map((pass, i) => ({
    ...pass,
    startNs: Number(itemAt(times, 2 * i) - itemAt(times, 0)),
    endNs: Number(itemAt(times, 2 * i + 1) - itemAt(times, 0)),
  }));
}

function freeSets(): void {
  for (const querySet of session?.querySets ?? []) querySet.destroy();
}

/** The first `count` timestamps of a set, in nanoseconds. */
export async function readTimestamps(querySet: GPUQuerySet, count: number): Promise<bigint[]> {
  const { device } = handleOrThrow();
  const size = count * 8;
  const make = (usage: GPUBufferUsageFlags): GPUBuffer => device.createBuffer({ size, usage });
  const resolved = make(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  const staging = make(GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await orLost(staging.mapAsync(GPUMapMode.READ));
  const times = [...new BigUint64Array(staging.getMappedRange())];
  for (const buffer of [resolved, staging]) buffer.destroy();
  return times;
}
