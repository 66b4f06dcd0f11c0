import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { adapterInfo, endProfilePasses, onIdle, startProfile } from '../../gpu/index.ts';
import {
  declareArgs,
  atLeast,
  bool,
  dict,
  dictOf,
  either,
  flag,
  int,
  kindOf,
  optional,
  orNone,
  str,
  checkedArgs,
  type ArgsOf,
  type Complete,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';
import { profilerSchedule, SCHEDULE_ARGS, type ProfilerAction } from './profilerSchedule.ts';
import { chromeTrace, profileTable, type ProfiledStep } from './profilerTrace.ts';
import { at } from '../../util/at.ts';

type Handler = (steps: readonly ProfiledStep[]) => void | Promise<void>;

const NOTHING = 'Without effect.';

function isActivities(value: unknown): boolean {
  const names = Array.isArray(value) ? value.map((name) => String(name).toLowerCase()) : [];
  return names.length > 0 && names.every((name) => name === 'cpu' || name === 'cuda');
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const ARGS = declareArgs({
  by_epoch: optional(bool, true, 'Whether profile_iters counts epochs.'),
  profile_iters: optional(
    atLeast(int, 1),
    1,
    "How much is profiled, from the run's start.",
    'epochs, or iterations without by_epoch',
  ),
  activities: optional(
    kindOf<readonly string[]>("list of 'cpu' | 'cuda'", "a list of 'cpu' and 'cuda'", isActivities),
    ['cpu', 'cuda'],
    'cpu: iterations; cuda: dispatches on the GPU.',
  ),
  schedule: optional(orNone(dictOf(SCHEDULE_ARGS)), null, 'Which iterations are recorded; None: every one.'),
  on_trace_ready: optional(
    either(
      orNone(dict),
      kindOf<(steps: readonly ProfiledStep[]) => void>('function', 'a function', isFunction),
    ),
    null,
    "What is done with a recording: dict(type='log_trace', …), dict(type='tb_trace', …), or in TypeScript a function.",
  ),
  record_shapes: optional(flag, false, NOTHING),
  profile_memory: optional(flag, false, NOTHING),
  with_stack: optional(flag, false, NOTHING),
  with_flops: optional(flag, false, NOTHING),
  json_trace_path: optional(
    orNone(str),
    null,
    "Where the whole recording goes at the end, in Chrome's trace format.",
  ),
});

/**
 * Records what the first iterations take: when they begin and end, and on the GPU every dispatch.
 * Source: mmcv 1.7.2 `hooks/profiler.py`. Differs: the dispatches' times come from WebGPU timestamp queries (at most
 * 32,768 an iteration), each iteration is waited for, and `record_shapes`, `profile_memory`, `with_stack` and
 * `with_flops` have nothing to switch on.
 */
export class ProfilerHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly byEpoch: boolean;
  readonly profileIters: number;
  readonly #args: Complete<typeof ARGS>;
  readonly #usesGpu: boolean;
  readonly #actionOf: (step: number) => ProfilerAction;
  #handler: Handler | null = null;
  /** The current window of the schedule, and everything. */
  #window: ProfiledStep[] = [];
  #all: ProfiledStep[] = [];
  #originMs = 0;
  #startMs = 0;
  #step = 0;
  #isOn = false;

  /** @throws ConfigError `bad-value` */
  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    const all = checkedArgs(ARGS, args);
    const { activities, schedule } = all;
    this.#args = all;
    this.byEpoch = all.byEpoch;
    this.profileIters = all.profileIters;
    this.#usesGpu = activities.some((name) => name.toLowerCase() === 'cuda');
    this.#actionOf = schedule ? profilerSchedule(schedule) : () => 'record';
  }

  /** @throws ConfigError `bad-value` when the run is shorter than what shall be profiled */
  override beforeRun(runner: BaseRunner): void {
    const [length, unit] = this.byEpoch ? [runner.maxEpochs, 'max_epochs'] : [runner.maxIters, 'max_iters'];
    if (length !== undefined && length < this.profileIters) {
      throw new ConfigError(
        `profile_iters must not be greater than ${unit} (${length}), but is ${this.profileIters}`,
        {
          code: 'bad-value',
          path: 'custom_hooks',
        },
      );
    }
    this.#handler = this.#makeHandler(runner);
    const { recordShapes, profileMemory, withStack, withFlops } = this.#args;
    if (recordShapes || profileMemory || withStack || withFlops)
      runner.logger.warning(
        'ProfilerHook: record_shapes, profile_memory, with_stack and with_flops have nothing to switch on here',
      );
    const done = this.byEpoch ? runner.epoch : runner.iter;
    if (done >= this.profileIters) {
      runner.logger.info('ProfilerHook has nothing to do: the run is resumed behind profile_iters');
      return;
    }
    this.#isOn = true;
    this.#originMs = performance.now();
    runner.logger.info('profiler is profiling...');
    this.#begin(runner);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (!this.#isOn) return;
    const action = this.#actionOf(this.#step);
    // Without this the next iterations' dispatches would count for this one.
    await onIdle();
    const endMs = performance.now() - this.#originMs;
    const passes = await endProfilePasses();
    if (action !== 'none') {
      const step = { step: runner.iter, startMs: this.#startMs, endMs, passes };
      this.#window.push(step);
      this.#all.push(step);
    }
    if (action === 'recordAndSave') await this.#emit();
    this.#step += 1;
    if (!this.byEpoch && runner.iter >= this.profileIters - 1) await this.#finish(runner);
    else this.#begin(runner);
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (this.#isOn && this.byEpoch && runner.epoch >= this.profileIters - 1) await this.#finish(runner);
  }

  /** Time the next iteration, when the schedule wants it. */
  #begin(runner: BaseRunner): void {
    this.#startMs = performance.now() - this.#originMs;
    if (!this.#usesGpu || this.#actionOf(this.#step) === 'none') return;
    if (adapterInfo().features.includes('timestamp-query')) startProfile();
    else if (this.#step === 0)
      runner.logger.warning('ProfilerHook: this adapter has no timestamp queries; iterations are timed only');
  }

  async #finish(runner: BaseRunner): Promise<void> {
    this.#isOn = false;
    // Ends the session that waits for an iteration.
    await endProfilePasses();
    runner.logger.info('profiler may take a few minutes...');
    if (this.#window.length > 0) await this.#emit();
    const { jsonTracePath } = this.#args;
    if (jsonTracePath) {
      await runner.fs.writeFile(jsonTracePath, chromeTrace(this.#all, adapterInfo().name));
      runner.logger.info(`ProfilerHook wrote ${jsonTracePath}`);
    }
    this.#all = [];
  }

  async #emit(): Promise<void> {
    const window = this.#window;
    this.#window = [];
    await this.#handler?.(window);
  }

  #makeHandler(runner: BaseRunner): Handler | null {
    const { onTraceReady } = this.#args;
    if (onTraceReady === null || typeof onTraceReady === 'function') return onTraceReady;
    const { type, ...options } = onTraceReady;
    if (type === 'log_trace') {
      const { sort_by: sortBy, row_limit: rowLimit } = options;
      const order = typeof sortBy === 'string' && sortBy.includes('count') ? 'count' : 'time';
      const limit = typeof rowLimit === 'number' ? rowLimit : undefined;
      return (steps) => runner.logger.info(`ProfilerHook:\n${profileTable(steps, order, limit)}`);
    }
    if (type === 'tb_trace') {
      const { dir_name: dirName = 'tf_tracing_logs' } = options;
      const name = String(dirName);
      const folder = name.startsWith('/') ? name : `${runner.workDir}/${name}`;
      runner.logger.info(`tracing files of ProfilerHook will be saved to ${folder}.`);
      return async (steps) => {
        const path = `${folder}/tabtrain.${runner.timestamp}.${at(steps, 0).step}.pt.trace.json`;
        await runner.fs.writeFile(path, chromeTrace(steps, adapterInfo().name));
      };
    }
    throw new ConfigError(
      `on_trace_ready.type must be 'log_trace' or 'tb_trace', but got ${plainRepr(type)}`,
      {
        code: 'bad-value',
        path: 'custom_hooks',
      },
    );
  }
}

HOOKS.registerModule()(ProfilerHook);
