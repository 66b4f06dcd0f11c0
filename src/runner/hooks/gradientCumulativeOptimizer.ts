import { accumulateGrads, gradSums, takeGradSums } from '../../optim/gradSums.ts';
import type { Parameter } from '../../nn/index.ts';
import { atLeast, checkedArgs, declareArgs, int, optional, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import type { HookState } from './hook.ts';
import { OPTIMIZER_HOOK_ARGS, OptimizerHook } from './optimizer.ts';
import { loadGrads, saveGrads } from './savedGrads.ts';

export const CUMULATIVE_ARGS = declareArgs({
  ...OPTIMIZER_HOOK_ARGS.table,
  cumulative_iters: optional(
    atLeast(int, 1),
    1,
    'How many gradients are added up before one step.',
    'iterations',
  ),
});

/**
 * Steps every `cumulative_iters` iterations, with the mean of their gradients; the `max_iters % cumulative_iters` that
 * remain at the end of the run make one last step with the mean of fewer.
 * Source: mmcv 1.7.2 `hooks/optimizer.py`.
 */
export class GradientCumulativeOptimizerHook extends OptimizerHook {
  static override readonly args: ArgSpec = CUMULATIVE_ARGS;
  readonly cumulativeIters: number;
  /** What is worth a warning in the first iteration is told, in this run or in the one that it goes on from. */
  #hasBegun = false;

  /** @throws ConfigError `bad-value` */
  constructor(args: ArgsOf<typeof CUMULATIVE_ARGS> = {}) {
    super(args);
    this.cumulativeIters = checkedArgs(CUMULATIVE_ARGS, args).cumulativeIters;
  }

  override afterTrainIter(runner: BaseRunner): void | Promise<void> {
    const { optimizer, outputs } = runner;
    if (!optimizer || !outputs?.grads) return;
    this.reportAnomalous(runner);
    if (!this.#hasBegun) this.#warn(runner);
    this.#hasBegun = true;
    const { iter, maxIters = Infinity } = runner;
    const size = maxIters % this.cumulativeIters;
    const isRest = iter >= maxIters - size;
    if (isRest)
      runner.logger.warning(
        `Loss will be divided by ${size} in the last ${size} iterations because they are not enough for ${this.cumulativeIters} cumulative_iters.`,
      );
    const factor = 1 / (isRest ? size : this.cumulativeIters);
    accumulateGrads(optimizer, outputs.grads, factor * this.lossScale);
    if (!this.everyNIters(runner, this.cumulativeIters) && !this.isLastIter(runner)) return;
    return this.stepWithSums(runner, takeGradSums(optimizer));
  }

  /** The sums, as large as the gradients; of parameters in no pool the first gradient itself becomes the sum. */
  override gpuBytes({ optimizer }: Pick<BaseRunner, 'optimizer'>): number {
    const parameters = optimizer?.paramGroups.flatMap(({ params }) => params) ?? [];
    return parameters.reduce((sum, { size, requiresGrad }) => sum + (requiresGrad ? 4 * size : 0), 0);
  }

  /** Multiplies the loss. */
  protected get lossScale(): number {
    return 1;
  }

  /** Step with the sums, which are the parameters' gradients now. */
  protected stepWithSums(runner: BaseRunner, parameters: readonly Parameter[]): void | Promise<void> {
    return this.clipAndStep(runner, parameters);
  }

  /** Inside a block, the sums so far: a run resumed there goes on with them. MMCV loses them, with a warning. */
  override async stateDict({ optimizer }: BaseRunner): Promise<HookState | undefined> {
    if (!this.#hasBegun || !optimizer) return undefined;
    return { grads: await saveGrads(gradSums(optimizer)) };
  }

  override loadStateDict(state: HookState, { optimizer }: BaseRunner): void {
    this.#hasBegun = true;
    if (!optimizer) return;
    const parameters = optimizer.paramGroups.flatMap(({ params }) => params);
    accumulateGrads(optimizer, loadGrads(parameters, state.grads), 1);
  }

  /** What MMCV finds out in the first iteration. */
  #warn(runner: BaseRunner): void {
    const n = this.cumulativeIters;
    if (runner.iter % n !== 0)
      runner.logger.warning(
        'Resume iter number is not divisible by cumulative_iters in GradientCumulativeOptimizerHook, which means the gradient of some iters is lost and the result may be influenced slightly.',
      );
    if (n > 1 && hasBatchNorm(runner.model))
      runner.logger.warning(
        'GradientCumulativeOptimizerHook may slightly decrease performance if the model has BatchNorm layers.',
      );
  }
}

function hasBatchNorm(model: object): boolean {
  if (!('namedModules' in model) || typeof model.namedModules !== 'function') return false;
  const modules = (
    model.namedModules as () => Iterable<readonly [string, { baseNames?: readonly string[] }]>
  )();
  return [...modules].some(([, module]) => module.baseNames?.includes('_BatchNorm'));
}

HOOKS.registerModule()(GradientCumulativeOptimizerHook);
