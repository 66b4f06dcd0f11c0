import { ConfigError } from '../../errors/trainerError.ts';
import { pyFixed } from '../../evaluation/pyFormat.ts';
import { isDict } from '../../lang/plain.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import type { ClassScore, PredictedImage } from '../../contracts/runEvents.ts';
import { suspendProfile } from '../../gpu/index.ts';
import {
  above,
  absent,
  atLeast,
  bool,
  checkedArgs,
  declareArgs,
  int,
  kindOf,
  number,
  oneOf,
  oneOrMore,
  optional,
  orNone,
  str,
  tuplePairOf,
  type ArgsOf,
  type Complete,
  type Kind,
} from '../../registry/args/index.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { saveCheckpoint, type StatefulModel } from '../checkpoint.ts';
import { removeOwn } from '../ownCheckpoint.ts';
import type { RunControl } from '../runControl.ts';
import { Hook } from './hook.ts';
import { LoggerHook } from './logger/base.ts';
import { checkpointDir } from './outDir.ts';
import { checkRule, inferRule, isUndefinedScore, RULES, type Rule } from './saveBest.ts';
import { at } from '../../util/at.ts';
import { Tuple } from '../../util/tuple.ts';

/** What one evaluation found. */
export interface Evaluation {
  /** As `dataset.evaluate` returns them, in order; empty when nothing was detected. */
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly perClass: readonly ClassScore[];
  readonly predictions: readonly PredictedImage[];
}

/** Runs the model over the validation set; `run/` provides it. */
export interface Evaluator {
  /** Batches of the validation set. */
  readonly length: number;
  /**
   * @param control of the run: asked between batches
   * @returns null when Stop was heard before the end: what was found until then says nothing
   */
  evaluate(evalKwargs: Readonly<Record<string, unknown>>, control: RunControl): Promise<Evaluation | null>;
}

/** Of a run that is only planned. */
export const EVALUATES_NOTHING: Evaluator = {
  length: 0,
  evaluate: () => Promise.reject(new Error('internal: a plan evaluates nothing')),
};

/** Without save_best nobody looks at it, as in MMCV. */
const RULE: Kind<Rule> = {
  ...kindOf<Rule>(oneOf(...RULES).label, oneOf(...RULES).words, (value) => typeof value === 'string'),
  choices: RULES,
};

/** The keys of `evaluation` that this hook takes; every other one goes to `dataset.evaluate`. */
export const EVAL_HOOK_ARGS = declareArgs({
  interval: optional(above(number, 0), 1, 'How often to evaluate.', 'epochs, or iterations without by_epoch'),
  start: optional(
    orNone(atLeast(int, 0)),
    null,
    'The first time, counted from 1; None: after the first interval.',
    'epochs or iterations',
  ),
  by_epoch: absent(bool, 'Whether interval and start count epochs; without it the runner decides.'),
  save_best: optional(
    orNone(str),
    null,
    "The metric whose best checkpoint is kept; 'auto': the first one; None: no checkpoint is kept for it.",
  ),
  rule: optional(orNone(RULE), null, "Whether a larger metric is better; None: by the metric's name."),
  greater_keys: optional(
    orNone(oneOrMore(str)),
    null,
    'Parts of names of metrics of which larger is better.',
  ),
  less_keys: optional(orNone(oneOrMore(str)), null, 'Parts of names of metrics of which smaller is better.'),
  out_dir: optional(orNone(str), null, 'Another folder than the work dir for the best checkpoint.'),
  dynamic_intervals: optional(
    orNone(
      kindOf<readonly (readonly [number, number])[]>(
        'list of (int, int)',
        'a list of tuples of two whole numbers',
        (value) =>
          Array.isArray(value) &&
          !(value instanceof Tuple) &&
          value.every((pair) => tuplePairOf(int).fault(pair) === null),
      ),
    ),
    null,
    '[(milestone, interval), …]: from that epoch or iteration on, that interval.',
  ),
});

export type EvalHookArgs = ArgsOf<typeof EVAL_HOOK_ARGS>;

/**
 * Evaluates after every `interval`-th training epoch, never through the val workflow.
 * Source: mmcv 1.7.2 `hooks/evaluation.py` and mmdet 2.28.2 `core/evaluation/eval_hooks.py`.
 */
export class EvalHook extends Hook {
  readonly #evaluator: Evaluator;
  readonly #evalKwargs: Readonly<Record<string, unknown>>;
  /** What the last evaluation of the run found. */
  latest: Readonly<Record<string, number | string>> | null = null;
  /** Evaluations of the run until now. */
  count = 0;
  /** Changes with dynamic_intervals. */
  interval: number;
  readonly byEpoch: boolean;
  /** First epoch or iteration (from 1) with an evaluation; null: that of the first interval. */
  readonly start: number | null;
  readonly #args: Complete<typeof EVAL_HOOK_ARGS>;
  /** From which epoch or iteration which interval counts, ascending. */
  readonly #dynamic: readonly (readonly [number, number])[];
  /** Metric and rule that choose the best; known from the config or from the first result. */
  #best: { key: string; rule: Rule } | null = null;
  #initialDone = false;

  constructor(evaluator: Evaluator, args: EvalHookArgs, evalKwargs: Readonly<Record<string, unknown>>) {
    super();
    const checked = checkArgs(evaluator, args);
    const { interval, start, byEpoch = true, saveBest, dynamicIntervals } = checked;
    this.#evaluator = evaluator;
    this.#evalKwargs = evalKwargs;
    this.#args = checked;
    this.interval = interval;
    this.#dynamic = [[0, interval], ...(dynamicIntervals ?? [])];
    this.start = start;
    this.byEpoch = byEpoch;
    // With 'auto' the first evaluation names the metric.
    if (saveBest && saveBest !== 'auto') this.#best = { key: saveBest, rule: inferRule(saveBest, checked) };
  }

  override beforeRun(runner: BaseRunner): void {
    if (this.#args.saveBest) runner.meta.hook_msgs ??= {};
  }

  override async beforeTrainEpoch(runner: BaseRunner): Promise<void> {
    this.#decideInterval(runner);
    if (!this.byEpoch || this.#initialDone) return;
    if (this.start !== null && runner.epoch >= this.start) await this.afterTrainEpoch(runner);
    this.#initialDone = true;
  }

  override async beforeTrainIter(runner: BaseRunner): Promise<void> {
    this.#decideInterval(runner);
    if (this.byEpoch || this.#initialDone) return;
    if (this.start !== null && runner.iter >= this.start) await this.afterTrainIter(runner);
    this.#initialDone = true;
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (this.byEpoch && this.isDue(runner.epoch)) await this.#evaluate(runner);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.byEpoch || !this.isDue(runner.iter)) return;
    for (const hook of runner.hooks) {
      if (hook instanceof LoggerHook) await hook.afterTrainIter(runner);
    }
    // Read first: a hook behind may still look at this iteration's losses.
    await runner.logBuffer.resolve();
    runner.logBuffer.clear();
    await this.#evaluate(runner);
  }

  override stateDict(): Record<string, unknown> {
    return {
      best_key: this.#best?.key ?? null,
      best_rule: this.#best?.rule ?? null,
      initial_done: this.#initialDone,
      interval: this.interval,
      latest: this.latest,
      count: this.count,
    };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const { best_key: key, best_rule: rule, initial_done: initialDone, interval, latest, count } = state;
    // With dynamic_intervals it is decided before the stage that a resumed run may begin with.
    if (this.#dynamic.length > 1 && typeof interval === 'number') this.interval = interval;
    if (initialDone === true) this.#initialDone = true;
    if (isDict(latest)) this.latest = latest as Record<string, number | string>;
    if (typeof count === 'number') this.count = count;
    if (typeof key === 'string' && (rule === 'greater' || rule === 'less')) this.#best = { key, rule };
  }

  #decideInterval(runner: BaseRunner): void {
    this.interval = this.#intervalFor((this.byEpoch ? runner.epoch : runner.iter) + 1);
  }

  /** The interval that counts in an epoch or iteration, counted from 1. */
  #intervalFor(count: number): number {
    // MMCV bisects: the last entry whose milestone is reached.
    const reached = this.#dynamic.filter(([milestone]) => milestone <= count);
    return (reached.at(-1) ?? at(this.#dynamic, 0))[1];
  }

  /** Which interval counts where: first and last epoch or iteration, counted from 1, and the interval. */
  get stretches(): (readonly [from: number, until: number, interval: number])[] {
    const later = this.#dynamic.map(([milestone]) => milestone).filter((milestone) => milestone > 1);
    const edges = [...new Set([1, ...later])].sort((a, b) => a - b);
    return edges.map((from, i) => [from, (edges[i + 1] ?? Infinity) - 1, this.#intervalFor(from)]);
  }

  /** Whether a run evaluates before it trains anything. */
  get isDueAtBegin(): boolean {
    return this.start !== null && this.start <= 0 && (1 - this.start) % this.#intervalFor(1) === 0;
  }

  /** Whether it evaluates behind this epoch (or iteration), counted from 0. */
  isDue(current: number): boolean {
    const start = this.start;
    if (start === null) return (current + 1) % this.interval === 0;
    if (current + 1 < start) return false;
    return (current + 1 - start) % this.interval === 0;
  }

  async #evaluate(runner: BaseRunner): Promise<void> {
    runner.model.eval();
    const evaluation = await this.#withoutProfile(runner);
    runner.model.train();
    if (!evaluation) {
      runner.logger.info('Stop came during the evaluation: it is left out');
      return;
    }
    const { metrics, perClass, predictions } = evaluation;
    this.latest = { ...metrics };
    this.count += 1;
    const { output } = runner.logBuffer;
    output.set('eval_iter_num', this.#evaluator.length);
    for (const [key, value] of Object.entries(metrics)) output.set(key, value);
    runner.logBuffer.ready = true;
    const epoch = runner.epoch + 1;
    const iter = runner.iter + (this.byEpoch ? 0 : 1);
    const numbers = Object.fromEntries(
      Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    );
    runner.onEvent({ name: 'run.evaluated', epoch, iter, metrics: numbers, perClass });
    if (predictions.length > 0) {
      runner.onEvent({ name: 'run.predicted', epoch, images: predictions });
      for (const hook of runner.hooks)
        if (hook instanceof LoggerHook) await hook.logPredictions(runner, predictions);
    }
    await this.#saveBest(runner, numbers);
  }

  /** An evaluation after an iteration is no part of it. */
  async #withoutProfile({ control }: BaseRunner): Promise<Evaluation | null> {
    const goOn = suspendProfile();
    try {
      return await this.#evaluator.evaluate(this.#evalKwargs, control);
    } finally {
      goOn();
    }
  }

  async #saveBest(runner: BaseRunner, metrics: Readonly<Record<string, number>>): Promise<void> {
    if (!this.#args.saveBest) return;
    const keys = Object.keys(metrics);
    if (keys.length === 0) {
      runner.logger.warning(
        'Since `eval_res` is an empty dict, the behavior to save the best checkpoint will be skipped in this evaluation.',
      );
      return;
    }
    this.#best ??= { key: at(keys, 0), rule: inferRule(at(keys, 0), this.#args) };
    const { key, rule } = this.#best;
    const score = metrics[key];
    if (score === undefined) {
      throw new ConfigError(`save_best must name a metric of the evaluation, but got '${key}'`, {
        code: 'unknown-metric',
        path: 'evaluation.save_best',
        hint: `this evaluation has: ${keys.join(', ')}`,
      });
    }
    const messages = runner.meta.hook_msgs ?? {};
    const bestScore =
      typeof messages.best_score === 'number'
        ? messages.best_score
        : rule === 'greater'
          ? -Infinity
          : Infinity;
    if (isUndefinedScore(key, score)) {
      runner.logger.warning(
        `save_best keeps no checkpoint of this evaluation: ${key} is -1, which says that there are no boxes to find for it in data.val (MMCV would take it as the best)`,
      );
      return;
    }
    // MMCV never saves a score of exactly 0: it tests the score's truth.
    if (score === 0 || Number.isNaN(score) || !(rule === 'greater' ? score > bestScore : score < bestScore))
      return;
    const count = this.byEpoch ? runner.epoch + 1 : runner.iter + 1;
    const unit = this.byEpoch ? 'epoch' : 'iter';
    const outDir = checkpointDir(runner.workDir, this.#args.outDir);
    const filename = `best_${key}_${unit}_${count}.pth`;
    const previous = messages.best_ckpt;
    runner.meta.hook_msgs = { ...messages, best_score: score, best_ckpt: `${outDir}/${filename}` };
    const position = this.byEpoch
      ? { epoch: runner.epoch + 1, iter: runner.iter, innerIter: 0 }
      : runner.positionAfterIter();
    const saved = await saveCheckpoint(runner, runner.model as unknown as StatefulModel, {
      filename,
      outDir,
      saveOptimizer: true,
      link: false,
      position,
      writer: { stage: this.byEpoch ? 'afterTrainEpoch' : 'afterTrainIter', hook: this },
    });
    const removed: string[] = [];
    if (
      typeof previous === 'string' &&
      previous !== saved.path &&
      (await removeOwn(runner, previous)) === 'removed'
    ) {
      removed.push(previous);
      runner.logger.info(`The previous best checkpoint ${previous} was removed`);
    }
    runner.logger.info(`Now best checkpoint is saved as ${filename}.`);
    runner.logger.info(`Best ${key} is ${pyFixed(score, 4)} at ${count} ${unit}.`);
    runner.onEvent({
      name: 'run.checkpointed',
      ...saved,
      epoch: position.epoch,
      iter: position.iter,
      removed,
    });
  }
}

/** @throws ConfigError at the argument's place */
function checkArgs(evaluator: Evaluator, args: EvalHookArgs): Complete<typeof EVAL_HOOK_ARGS> {
  if (typeof (evaluator as Partial<Evaluator>).evaluate !== 'function')
    throw new ConfigError(`dataloader must be an Evaluator, but got ${plainRepr(evaluator)}`, {
      code: 'bad-type',
      path: 'evaluation.dataloader',
    });
  const checked = checkedArgs(EVAL_HOOK_ARGS, args, 'evaluation');
  if (checked.saveBest !== null) checkRule(checked.rule);
  return checked;
}
