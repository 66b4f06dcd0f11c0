import {
  adapterInfo,
  endProfile,
  measurePeak,
  onIdle,
  profileState,
  startProfile,
  suspendProfile,
} from '../../gpu/index.ts';
import type { ProfiledOp, StepProfile } from '../../contracts/runEvents.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';
import { at } from '../../util/at.ts';

/** Iterations that a profile asked for at the start lets pass: the first ones compile and allocate. */
const WARMUP_ITERS = 3;

/**
 * Profiles some training iterations when a person asks for it: GPU time, dispatches, bytes and GFLOP/s of each op, from
 * the upload of the batch to the optimizer's step. Whole iterations, as many as can be timed at once. Ours; MMCV's
 * ProfilerHook works too.
 */
export class StepProfileHook extends Hook {
  readonly #maxPasses: number | undefined;
  /** Where the run began; it may have been resumed. */
  #startIter = 0;
  /** Iterations that were asked for; 0 while nothing is profiled. */
  #askedIters = 0;
  #profiledIters = 0;
  /** Dispatches of the iterations before the current one. */
  #passes = 0;
  /** Set between two iterations: what goes on with the profile. */
  #resume: (() => void) | null = null;

  /** @param maxPasses dispatches that one profile times at most; default: as many as the engine can */
  constructor({ maxPasses }: { maxPasses?: number } = {}) {
    super();
    this.#maxPasses = maxPasses;
  }

  override beforeRun(runner: BaseRunner): void {
    this.#startIter = runner.iter;
  }

  override async beforeTrainIter(runner: BaseRunner): Promise<void> {
    this.#goOn();
    const { control } = runner;
    const isWarm = runner.iter >= this.#startIter + WARMUP_ITERS;
    if (this.#askedIters > 0 || !control.wantsProfile || !isWarm) return;
    this.#askedIters = control.takeProfileRequest();
    await onIdle();
    this.#profiledIters = 0;
    this.#passes = 0;
    startProfile(this.#maxPasses);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.#askedIters === 0) return;
    this.#profiledIters += 1;
    const { timed, left } = profileState();
    // Half an iteration would count as a whole one.
    const hasRoom = left >= timed - this.#passes;
    this.#passes = timed;
    if (this.#profiledIters === this.#askedIters || !hasRoom) await this.#end(runner);
    // What comes between two iterations, such as an evaluation, is part of none.
    else this.#resume = suspendProfile();
  }

  override async afterRun(runner: BaseRunner): Promise<void> {
    if (this.#askedIters === 0) return;
    this.#goOn();
    await this.#end(runner);
  }

  #goOn(): void {
    this.#resume?.();
    this.#resume = null;
  }

  async #end(runner: BaseRunner): Promise<void> {
    const [iters, asked] = [this.#profiledIters, this.#askedIters];
    this.#askedIters = 0;
    await onIdle();
    const wallMs = profileState().activeMs / iters;
    const rows = await endProfile();
    const profile: StepProfile = {
      adapter: adapterInfo().name,
      iters,
      wallMs,
      hasTimes: rows.every(({ gpuMs }) => Number.isFinite(gpuMs)),
      peakGflops: await measurePeak(),
      ops: joinByOp(rows, iters),
    };
    const count = iters < asked ? `${iters} of ${asked}` : `${iters}`;
    const unit = asked === 1 ? 'iteration' : 'iterations';
    runner.logger.info(`Profile of ${count} ${unit}\n${profileTable(profile)}`);
    runner.onEvent({ name: 'run.profiled', profile });
  }
}

type Row = Awaited<ReturnType<typeof endProfile>>[number];

/** Programs by the name of their op, per iteration, the longest first. */
function joinByOp(rows: readonly Row[], iters: number): ProfiledOp[] {
  return rows
    .map(({ program, dispatches, gpuMs, bytes, flops }) => ({
      op: at(program.replace(/^elementwise /, '').split('|'), 0),
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
