import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { adapterInfo, endProfilePasses, onIdle, startProfile } from '../../gpu/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';
import { profilerSchedule, type ProfilerAction } from './profilerSchedule.ts';
import { chromeTrace, profileTable, type ProfiledStep } from './profilerTrace.ts';

interface ProfilerArgs {
  /** Whether `profile_iters` counts epochs. Default true. */
  byEpoch?: boolean;
  /** Epochs or iterations that are profiled, from the run's start. Default 1. */
  profileIters?: number;
  /** 'cpu': iterations; 'cuda': dispatches on the GPU. Default both. */
  activities?: readonly string[];
  /** `dict(wait=1, warmup=1, active=2)`; None: every iteration is recorded. */
  schedule?: Readonly<Record<string, unknown>> | null;
  /** `dict(type='log_trace', …)`, `dict(type='tb_trace', …)`, or in TypeScript a function. */
  onTraceReady?: Readonly<Record<string, unknown>> | ((steps: readonly ProfiledStep[]) => void) | null;
  recordShapes?: boolean;
  profileMemory?: boolean;
  withStack?: boolean;
  withFlops?: boolean;
  /** Where the whole recording goes at the end, in Chrome's trace format. */
  jsonTracePath?: string | null;
}

type Handler = (steps: readonly ProfiledStep[]) => void | Promise<void>;

/**
 * Records what the first iterations take: when they begin and end, and on the GPU every dispatch.
 * Source: mmcv 1.7.2 `hooks/profiler.py`. Differs: the dispatches' times come from WebGPU timestamp queries (at most
 * 32,768 an iteration), each iteration is waited for, and `record_shapes`, `profile_memory`, `with_stack` and
 * `with_flops` have nothing to switch on.
 */
export class ProfilerHook extends Hook {
  static readonly args = {
    optional: [
      'by_epoch',
      'profile_iters',
      'activities',
      'schedule',
      'on_trace_ready',
      'record_shapes',
      'profile_memory',
      'with_stack',
      'with_flops',
      'json_trace_path',
    ],
    kinds: {
      by_epoch: 'bool',
      profile_iters: 'positive int',
      schedule: 'dict?',
      record_shapes: 'flag',
      profile_memory: 'flag',
      with_stack: 'flag',
      with_flops: 'flag',
      json_trace_path: 'str?',
    },
  } as const satisfies ArgSpec;
  readonly byEpoch: boolean;
  readonly profileIters: number;
  readonly #args: ProfilerArgs;
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
  constructor(args: ProfilerArgs = {}) {
    super();
    const { activities = ['cpu', 'cuda'], schedule = null } = args;
    const names = Array.isArray(activities) ? activities.map((name) => String(name).toLowerCase()) : [];
    if (names.length === 0 || names.some((name) => name !== 'cpu' && name !== 'cuda')) {
      throw new ConfigError(
        `activities must be a list of 'cpu' and 'cuda', but got ${plainRepr(activities)}`,
        {
          code: 'bad-value',
        },
      );
    }
    this.#args = args;
    this.byEpoch = args.byEpoch ?? true;
    this.profileIters = args.profileIters ?? 1;
    this.#usesGpu = names.includes('cuda');
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
    const { onTraceReady = null } = this.#args;
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
        const path = `${folder}/tabtrain.${runner.timestamp}.${steps[0].step}.pt.trace.json`;
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
