// What policies of the person's own make of learning rate and momentum, told before any run: their hook is asked at places
// of a run that doesn't take place.

import { at } from '../util/at.ts';
import type { ConfigDict } from '../config/config.ts';
import { toErrorReport } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import type { Optimizer } from '../optim/index.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { RunnableModel } from '../runner/runnerTypes.ts';
import { buildRunner } from '../runner/buildRunner.ts';
import type { Hook } from '../runner/hooks/hook.ts';
import { LrUpdaterHook } from '../runner/hooks/lrUpdater.ts';
import { MomentumUpdaterHook } from '../runner/hooks/momentumUpdater.ts';
import { IterBasedRunner } from '../runner/iterBasedRunner.ts';
import { LR_KIND, MOMENTUM_KIND, scheduleClass } from '../schedules/index.ts';
import type { Plan, PlannedSchedule } from '../contracts/plan.ts';
import { readRunnerCfg, runLength } from './runnerConfig.ts';
import { buildLrHook, buildMomentumHook, isOwnPolicy } from './scheduleHooks.ts';

const MAX_POINTS = 1000;

export interface DescribedRun {
  readonly dict: ConfigDict;
  readonly context: BuildContext;
  readonly model: object;
  /** Its groups are changed. */
  readonly optimizer: Optimizer;
  readonly itersPerEpoch: number;
}

/** Null for a policy that isn't a class of the person's: those are drawn by the page itself. */
export function describeOwnSchedules(run: DescribedRun): Pick<Plan, 'ownLr' | 'ownMomentum'> {
  const { lr_config: lr, momentum_config: momentum } = run.dict;
  return {
    ownLr: isDict(lr) ? describe(run, lr, LR_KIND) : null,
    ownMomentum: isDict(momentum) ? describe(run, momentum, MOMENTUM_KIND) : null,
  };
}

function describe(
  { dict, context, model, optimizer, itersPerEpoch }: DescribedRun,
  cfg: Readonly<Record<string, unknown>>,
  kind: typeof LR_KIND,
): PlannedSchedule | null {
  // What else is wrong with it the page finds, too.
  if (typeof cfg.policy !== 'string' || cfg.policy === '' || !isOwnPolicy(cfg, kind, context)) return null;
  const className = scheduleClass(cfg, kind);
  const nothing = { className, itersPerEpoch, iters: [], values: [] };
  try {
    const runner = makeRunner(dict, context, model, optimizer, itersPerEpoch);
    const isLr = kind === LR_KIND;
    const unit = runner instanceof IterBasedRunner ? { by_epoch: false } : {};
    const hook = isLr ? buildLrHook(cfg, unit, context) : buildMomentumHook(cfg, context);
    if (!(hook instanceof (isLr ? LrUpdaterHook : MomentumUpdaterHook)))
      return {
        ...nothing,
        problem: `what ${className} sets can only be seen in a run: it is no ${kind.suffix}`,
      };
    const iters = placesOf(runner);
    const values = sample(hook, runner, iters, () => (isLr ? runner.currentLr() : runner.currentMomentum()));
    const isFinite = values.every((list) => list.every(Number.isFinite));
    if (!isFinite) return { ...nothing, problem: `${className} gives no number without a run` };
    return { className, itersPerEpoch, iters, values, problem: null };
  } catch (error) {
    const { message } = toErrorReport(error);
    return { ...nothing, problem: `${className} can't be drawn before a run: ${message}` };
  }
}

/** A runner that never runs; a policy may ask it for anything that it knows before a run. */
function makeRunner(
  dict: ConfigDict,
  context: BuildContext,
  model: object,
  optimizer: Optimizer,
  itersPerEpoch: number,
): BaseRunner {
  const silent = (): void => undefined;
  const logger = { info: silent, warning: silent, error: silent, flush: () => Promise.resolve() };
  const runner = buildRunner(readRunnerCfg(dict), context.registries.RUNNERS, {
    // A detector trains only where there is a GPU; it is here to be looked at.
    model: model as RunnableModel,
    optimizer,
    fs: context.services.fs,
    workDir: '',
    logger,
    timestamp: '',
  });
  runner.itersPerEpoch = itersPerEpoch;
  runner.maxIters = runLength(runner, itersPerEpoch).maxIters;
  return runner;
}

/** One list per group, beside `iters`. */
function sample(hook: Hook, runner: BaseRunner, iters: readonly number[], read: () => number[]): number[][] {
  void hook.beforeRun(runner);
  const goTo = (iter: number): void => {
    runner.iter = iter;
    runner.epoch = Math.floor(iter / runner.itersPerEpoch);
    runner.innerIter = runner.doneInEpoch = iter % runner.itersPerEpoch;
  };
  const rows = iters.map((iter) => {
    if (!(runner instanceof IterBasedRunner)) {
      // What an epoch begins with holds where nothing is set by iteration.
      goTo(iter - (iter % runner.itersPerEpoch));
      void hook.beforeTrainEpoch(runner);
    }
    goTo(iter);
    void hook.beforeTrainIter(runner);
    return read();
  });
  return (rows.at(0) ?? []).map((_, group) => rows.map((row) => at(row, group)));
}

/** Evenly spread iterations, and both sides of each epoch's start, where there is room for them. */
function placesOf({ maxIters = 0, itersPerEpoch }: BaseRunner): number[] {
  const places = new Set([0, maxIters - 1]);
  const step = Math.max(1, Math.floor(maxIters / MAX_POINTS));
  for (let iter = 0; iter < maxIters; iter += step) places.add(iter);
  if (maxIters / itersPerEpoch <= MAX_POINTS / 2)
    for (let edge = itersPerEpoch; edge < maxIters; edge += itersPerEpoch) places.add(edge - 1).add(edge);
  return [...places].filter((iter) => iter >= 0).sort((a, b) => a - b);
}
