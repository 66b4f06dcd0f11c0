import { adapterInfo, endProfile, measurePeak, onIdle, startProfile } from '../../gpu/index.ts';
import type { ProfiledOp, StepProfile } from '../../util/runEvents.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/** Iterations that a profile asked for at the start lets pass: the first ones compile and allocate. */
const WARMUP_ITERS = 3;

/**
 * Profiles some training iterations when a person asks for it: GPU time, dispatches, bytes and GFLOP/s of each op, from
 * the upload of the batch to the optimizer's step. Ours; MMCV's ProfilerHook works too.
 */
export class StepProfileHook extends Hook {
  #leftIters = 0;
  #profiledIters = 0;
  #startMs = 0;

  override beforeTrainIter(runner: BaseRunner): Promise<void> {
    const { control } = runner;
    const isWarm = runner.iter >= this.#startIter + WARMUP_ITERS;
    if (this.#leftIters === 0 && control.wantsProfile && isWarm) {
      this.#leftIters = control.takeProfileRequest();
      return this.#begin();
    }
    return Promise.resolve();
  }

  #startIter = 0;

  override beforeRun(runner: BaseRunner): void {
    this.#startIter = runner.iter;
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.#leftIters === 0) return;
    this.#leftIters -= 1;
    this.#profiledIters += 1;
    if (this.#leftIters > 0) return;
    await onIdle();
    const wallMs = (performance.now() - this.#startMs) / this.#profiledIters;
    const rows = await endProfile();
    const profile: StepProfile = {
      adapter: adapterInfo().name,
      iters: this.#profiledIters,
      wallMs,
      hasTimes: rows.every(({ gpuMs }) => Number.isFinite(gpuMs)),
      peakGflops: await measurePeak(),
      ops: joinByOp(rows, this.#profiledIters),
    };
    runner.logger.info(`Profile of ${profile.iters} iterations\n${profileTable(profile)}`);
    runner.onEvent({ name: 'run.profiled', profile });
  }

  async #begin(): Promise<void> {
    await onIdle();
    this.#profiledIters = 0;
    this.#startMs = performance.now();
    startProfile();
  }
}

type Row = Awaited<ReturnType<typeof endProfile>>[number];

/** Programs by the name of their op, per iteration, the longest first. */
function joinByOp(rows: readonly Row[], iters: number): ProfiledOp[] {
  return rows
    .map(({ program, dispatches, gpuMs, bytes, flops }) => ({
      op: program.replace(/^elementwise /, '').split('|')[0],
      dispatches: dispatches / iters,
      gpuMs: gpuMs / iters,
      bytes: bytes / iters,
      flops: flops / iters,
    }))
    .sort((a, b) => b.gpuMs - a.gpuMs || b.bytes - a.bytes);
}

/** The profile as lines of text: one per op, and their sum. */
export function profileTable({ ops, wallMs, peakGflops, hasTimes }: StepProfile): string {
  const sum = (pick: (op: ProfiledOp) => number): number => ops.reduce((total, op) => total + pick(op), 0);
  const total = { op: 'all', dispatches: 0, gpuMs: 0, bytes: 0, flops: 0 };
  for (const key of ['dispatches', 'gpuMs', 'bytes', 'flops'] as const) total[key] = sum((op) => op[key]);
  const line = ({ op, dispatches, gpuMs, bytes, flops }: ProfiledOp): string => {
    const gflops = flops > 0 && gpuMs > 0 ? flops / gpuMs / 1e6 : null;
    return [
      op.slice(0, 44).padEnd(44),
      dispatches.toFixed(0).padStart(10),
      (hasTimes ? gpuMs.toFixed(2) : '-').padStart(9),
      (hasTimes ? `${((100 * gpuMs) / total.gpuMs).toFixed(0)} %` : '-').padStart(6),
      (bytes / 1e6).toFixed(1).padStart(9),
      (gflops?.toFixed(1) ?? '').padStart(9),
      (gflops ? `${((100 * gflops) / peakGflops).toFixed(0)} %` : '').padStart(8),
    ].join(' ');
  };
  const head = [
    'op'.padEnd(44),
    'dispatches'.padStart(10),
    'GPU ms'.padStart(9),
    'share'.padStart(6),
    'MB'.padStart(9),
    'GFLOP/s'.padStart(9),
    'of best'.padStart(8),
  ].join(' ');
  const rest = `per iteration; ${wallMs.toFixed(1)} ms by the clock while profiling (slower than without); best matmul ${peakGflops.toFixed(1)} GFLOP/s`;
  return [head, ...ops.map(line), line(total), rest].join('\n');
}
