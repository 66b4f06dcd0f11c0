import { ConfigError } from '../../errors/trainerError.ts';
import type { ClassScore, PredictedImage } from '../../util/runEvents.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { saveCheckpoint, type StatefulModel } from '../checkpoint.ts';
import { Hook } from './hook.ts';
import { LoggerHook } from './logger/base.ts';
import { inferRule, type Rule } from './saveBest.ts';

/** What one evaluation found. */
export interface Evaluation {
  /** As `dataset.evaluate` returns them, in order; empty when nothing was detected. */
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly perClass: readonly ClassScore[];
  readonly predictions: readonly PredictedImage[];
}

/** Runs the model over the validation set; `apis/` provides it. */
export interface Evaluator {
  /** Batches of the validation set. */
  readonly length: number;
  evaluate(evalKwargs: Readonly<Record<string, unknown>>): Promise<Evaluation>;
}

export interface EvalHookArgs {
  interval?: number;
  /** First epoch (from 1) with an evaluation. */
  start?: number | null;
  byEpoch?: boolean;
  /** A metric's name or 'auto'. */
  saveBest?: string | null;
  rule?: Rule | null;
  greaterKeys?: readonly string[] | null;
  lessKeys?: readonly string[] | null;
  outDir?: string | null;
}

/** The keys of `evaluation` that this hook takes; every other one goes to `dataset.evaluate`. */
export const EVAL_HOOK_KEYS = [
  'interval',
  'start',
  'by_epoch',
  'save_best',
  'rule',
  'greater_keys',
  'less_keys',
  'out_dir',
] as const;

/**
 * Evaluates after every `interval`-th training epoch, never through the val workflow.
 * Source: mmcv 1.7.2 `hooks/evaluation.py` and mmdet 2.28.2 `core/evaluation/eval_hooks.py`.
 */
export class EvalHook extends Hook {
  readonly #evaluator: Evaluator;
  readonly #evalKwargs: Readonly<Record<string, unknown>>;
  readonly #interval: number;
  readonly #start: number | null;
  readonly #byEpoch: boolean;
  readonly #args: EvalHookArgs;
  /** Metric and rule that choose the best; known from the config or from the first result. */
  #best: { key: string; rule: Rule } | null = null;
  #initialDone = false;

  constructor(evaluator: Evaluator, args: EvalHookArgs, evalKwargs: Readonly<Record<string, unknown>>) {
    super();
    const interval = args.interval ?? 1;
    if (interval <= 0) {
      throw new ConfigError(`interval must be a positive number, but got ${interval}`, {
        code: 'bad-value',
        path: 'evaluation.interval',
      });
    }
    if (typeof args.start === 'number' && args.start < 0) {
      throw new ConfigError(`start must not be negative, but got ${args.start}`, {
        code: 'bad-value',
        path: 'evaluation.start',
      });
    }
    this.#evaluator = evaluator;
    this.#evalKwargs = evalKwargs;
    this.#args = args;
    this.#interval = interval;
    this.#start = args.start ?? null;
    this.#byEpoch = args.byEpoch ?? true;
    const { saveBest } = args;
    if (saveBest && saveBest !== 'auto') this.#best = { key: saveBest, rule: inferRule(saveBest, args) };
  }

  override async beforeTrainEpoch(runner: BaseRunner): Promise<void> {
    if (!this.#byEpoch || this.#initialDone) return;
    this.#initialDone = true;
    if (this.#start !== null && runner.epoch >= this.#start) await this.afterTrainEpoch(runner);
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (this.#byEpoch && this.#due(runner.epoch)) await this.#evaluate(runner);
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.#byEpoch || !this.#due(runner.iter)) return;
    for (const hook of runner.hooks) {
      if (hook instanceof LoggerHook) await hook.afterTrainIter(runner);
    }
    runner.logBuffer.clear();
    await this.#evaluate(runner);
  }

  override stateDict(): Record<string, unknown> {
    return { best_key: this.#best?.key ?? null, best_rule: this.#best?.rule ?? null };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const { best_key: key, best_rule: rule } = state;
    if (typeof key === 'string' && (rule === 'greater' || rule === 'less')) this.#best = { key, rule };
  }

  #due(current: number): boolean {
    const start = this.#start;
    if (start === null) return (current + 1) % this.#interval === 0;
    if (current + 1 < start) return false;
    return (current + 1 - start) % this.#interval === 0;
  }

  async #evaluate(runner: BaseRunner): Promise<void> {
    runner.model.eval();
    const { metrics, perClass, predictions } = await this.#evaluator.evaluate(this.#evalKwargs);
    runner.model.train();
    const { output } = runner.logBuffer;
    output.set('eval_iter_num', this.#evaluator.length);
    for (const [key, value] of Object.entries(metrics)) output.set(key, value);
    runner.logBuffer.ready = true;
    const epoch = runner.epoch + 1;
    const iter = Math.min(runner.iter + (this.#byEpoch ? 0 : 1), runner.maxIters ?? Infinity);
    const numbers = Object.fromEntries(
      Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    );
    runner.onEvent({ name: 'run.evaluated', epoch, iter, metrics: numbers, perClass });
    if (predictions.length > 0) runner.onEvent({ name: 'run.predicted', epoch, images: predictions });
    await this.#saveBest(runner, numbers);
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
    this.#best ??= { key: keys[0], rule: inferRule(keys[0], this.#args) };
    const { key, rule } = this.#best;
    if (!(key in metrics)) {
      throw new ConfigError(`save_best must name a metric of the evaluation, but got '${key}'`, {
        code: 'unknown-metric',
        path: 'evaluation.save_best',
        hint: `this evaluation has: ${keys.join(', ')}`,
      });
    }
    const score = metrics[key];
    const messages = runner.meta.hook_msgs ?? {};
    const bestScore =
      typeof messages.best_score === 'number'
        ? messages.best_score
        : rule === 'greater'
          ? -Infinity
          : Infinity;
    // MMCV never saves a score of exactly 0: it tests the score's truth.
    if (score === 0 || Number.isNaN(score) || !(rule === 'greater' ? score > bestScore : score < bestScore))
      return;
    const count = this.#byEpoch ? runner.epoch + 1 : runner.iter + 1;
    const unit = this.#byEpoch ? 'epoch' : 'iter';
    const outDir = this.#args.outDir
      ? `${this.#args.outDir}/${runner.workDir.split('/').at(-1) ?? ''}`
      : runner.workDir;
    const filename = `best_${key}_${unit}_${count}.pth`;
    const previous = messages.best_ckpt;
    runner.meta.hook_msgs = { ...messages, best_score: score, best_ckpt: `${outDir}/${filename}` };
    const position = this.#byEpoch
      ? { epoch: runner.epoch + 1, iter: runner.iter, innerIter: 0 }
      : { epoch: runner.epoch, iter: runner.iter + 1, innerIter: runner.innerIter + 1 };
    const saved = await saveCheckpoint(runner, runner.model as unknown as StatefulModel, {
      filename,
      outDir,
      saveOptimizer: true,
      ...position,
    });
    const removed: string[] = [];
    if (typeof previous === 'string' && previous !== saved.path && (await runner.fs.stat(previous))) {
      await runner.fs.remove(previous);
      removed.push(previous);
    }
    runner.logger.info(`Now best checkpoint is saved as ${filename}.`);
    runner.logger.info(`Best ${key} is ${score.toFixed(4)} at ${count} ${unit}.`);
    runner.onEvent({
      name: 'run.checkpointed',
      ...saved,
      epoch: position.epoch,
      iter: position.iter,
      removed,
    });
  }
}
