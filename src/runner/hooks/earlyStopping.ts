import { ConfigError, RunError } from '../../errors/trainerError.ts';
import { pyFixed } from '../../evaluation/pyFormat.ts';
import {
  declareArgs,
  flag,
  int,
  number,
  oneOf,
  optional,
  orNone,
  required,
  str,
  checkedArgs,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { EvalHook } from './evaluation.ts';
import { Hook, type HookState } from './hook.ts';
import { inferRule, type Rule } from './saveBest.ts';

const ARGS = declareArgs({
  monitor: required(str, 'A metric of the evaluation, such as bbox_mAP.'),
  rule: optional(
    orNone(oneOf('greater', 'less')),
    null,
    "Which is better; None: known from the metric's name.",
  ),
  min_delta: optional(number, 0.1, 'What counts as better must be better by this.'),
  strict: optional(
    flag,
    false,
    'Fail when an evaluation has no such metric; else it is skipped with a warning.',
  ),
  check_finite: optional(flag, true, 'End the run when the metric is NaN or infinite.'),
  patience: optional(int, 5, 'How many in a row without anything better end the run.', 'evaluations'),
  stopping_threshold: optional(
    orNone(number),
    null,
    'End the run as soon as the metric is better than this.',
  ),
});

/**
 * Ends the run when a metric stops getting better: at the end of the epoch, with the reason in the log and a
 * checkpoint. It runs behind every other hook unless `priority` says otherwise.
 *
 *     better than stopping_threshold, or not finite          -> end
 *     best + min_delta still beats the score (greater; less: best - min_delta)  -> wait += 1; wait >= patience -> end
 *     else best = score, wait = 0
 *
 * MMCV 1.x has no such hook: arguments and rules are MMEngine's.
 * Source: mmengine 0.10 `hooks/early_stopping_hook.py`. Differs: `rule` is inferred as MMCV's EvalHook does; the
 * counters are in the checkpoint.
 */
export class EarlyStoppingHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  /** Behind MMDetection's EvalHook, whose results it reads. */
  static readonly defaultPriority = 'LOWEST';
  readonly monitor: string;
  readonly rule: Rule;
  readonly #minDelta: number;
  readonly #strict: boolean;
  readonly #checkFinite: boolean;
  readonly #patience: number;
  readonly #threshold: number | null;
  #best: number;
  #waitCount = 0;
  /** How many evaluations of each hook it has looked at. */
  readonly #seen = new Map<EvalHook, number>();

  /** @throws ConfigError `unknown-rule` */
  constructor(args: ArgsOf<typeof ARGS>) {
    super();
    const all = checkedArgs(ARGS, args);
    this.monitor = all.monitor;
    this.rule = readRule(all);
    const { minDelta } = all;
    this.#minDelta = this.rule === 'greater' ? minDelta : -minDelta;
    this.#strict = all.strict;
    this.#checkFinite = all.checkFinite;
    this.#patience = all.patience;
    this.#threshold = all.stoppingThreshold;
    this.#best = this.rule === 'greater' ? -Infinity : Infinity;
  }

  override beforeRun(runner: BaseRunner): void {
    if (evalHooksOf(runner).length === 0)
      runner.logger.warning(
        `EarlyStoppingHook: no evaluation gives ${this.monitor}, so the run won't be stopped; set evaluation and data.val`,
      );
  }

  override afterTrainEpoch(runner: BaseRunner): void {
    this.#look(runner);
  }

  override afterTrainIter(runner: BaseRunner): void {
    this.#look(runner);
  }

  override stateDict(runner: BaseRunner): HookState {
    const seen = evalHooksOf(runner).map((hook) => this.#seen.get(hook) ?? 0);
    return { best_score: this.#best, wait_count: this.#waitCount, seen };
  }

  override loadStateDict(
    { best_score: best, wait_count: waitCount, seen }: HookState,
    runner: BaseRunner,
  ): void {
    this.#best = Number(best);
    this.#waitCount = Number(waitCount);
    if (!Array.isArray(seen)) return;
    for (const [i, hook] of evalHooksOf(runner).entries()) this.#seen.set(hook, Number(seen[i] ?? 0));
  }

  /** @throws RunError `unknown-metric` with strict */
  #look(runner: BaseRunner): void {
    for (const hook of evalHooksOf(runner)) {
      if (!hook.latest || hook.count === (this.#seen.get(hook) ?? 0)) continue;
      this.#seen.set(hook, hook.count);
      const score = hook.latest[this.monitor];
      if (typeof score === 'number') {
        const reason = this.#reasonToStop(score);
        if (reason === null) continue;
        runner.stopTraining = reason;
        runner.logger.info(`${reason} The training is stopped early.`);
        continue;
      }
      const names = Object.keys(hook.latest).join(', ') || 'nothing';
      if (this.#strict) {
        throw new RunError(`monitor must be a metric of the evaluation, but ${this.monitor} is none`, {
          code: 'unknown-metric',
          path: 'custom_hooks',
          hint: `this evaluation has: ${names}`,
        });
      }
      runner.logger.warning(
        `Early stopping is skipped this time: the evaluation has no ${this.monitor}, it has ${names}`,
      );
    }
  }

  #reasonToStop(score: number): string | null {
    const { monitor } = this;
    const beats = (a: number, b: number): boolean => (this.rule === 'greater' ? a > b : a < b);
    if (this.#checkFinite && !Number.isFinite(score))
      return `The monitored ${monitor} is ${score}; the best value was ${pyFixed(this.#best, 3)}.`;
    if (this.#threshold !== null && beats(score, this.#threshold)) {
      this.#best = score;
      return `The monitored ${monitor} reached ${score}, which is ${this.rule} than ${this.#threshold}.`;
    }
    if (!beats(this.#best + this.#minDelta, score)) {
      this.#best = score;
      this.#waitCount = 0;
      return null;
    }
    this.#waitCount += 1;
    if (this.#waitCount < this.#patience) return null;
    return `The monitored ${monitor} did not improve in the last ${this.#waitCount} evaluations; the best score is ${pyFixed(this.#best, 3)}.`;
  }
}

function evalHooksOf(runner: BaseRunner): EvalHook[] {
  return runner.hooks.filter((hook) => hook instanceof EvalHook);
}

function readRule({ monitor, rule }: { readonly monitor: string; readonly rule: Rule | null }): Rule {
  try {
    return inferRule(monitor, { rule });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The place in the config is this hook's, not the evaluation's.
    throw new ConfigError(error.message, { code: error.code, hint: "set rule='greater' or rule='less'" });
  }
}

HOOKS.registerModule({ name: ['EarlyStoppingHook', 'EarlyStopping'] })(EarlyStoppingHook);
