import { read, reshape, tidyUntilDone, type Tensor } from '../../gpu/index.ts';
import { ClosureOptimizer } from '../../optim/closureOptimizer.ts';
import {
  checkFiniteNorm,
  clipGradNorm,
  GRAD_CLIP_ARGS,
  gradClipOptions,
  type GradClipOptions,
} from '../../optim/gradClip.ts';
import type { Optimizer } from '../../optim/optimizer.ts';
import {
  declareArgs,
  dictOf,
  flag,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { Parameter } from '../../nn/index.ts';
import type { BaseRunner } from '../baseRunner.ts';
import type { StepOutputs } from '../runnerTypes.ts';
import type { LogVars } from '../logBuffer.ts';
import { Hook } from './hook.ts';
import { at } from '../../util/at.ts';

export const OPTIMIZER_HOOK_ARGS = declareArgs({
  grad_clip: optional(
    orNone(dictOf(GRAD_CLIP_ARGS)),
    null,
    'Scale gradients down to a norm; None: no clipping.',
  ),
  detect_anomalous_params: optional(
    flag,
    false,
    "Name in the log the trainable parameters that the loss doesn't depend on.",
  ),
});

export type OptimizerHookArgs = ArgsOf<typeof OPTIMIZER_HOOK_ARGS>;

/**
 * After each iteration: take the gradients, clip them, step. Nothing is read back; `grad_norm` (before
 * clipping) reaches the log with the losses. An optimizer that takes a closure (LBFGS) gets one that runs the model on the
 * same batch again; that reads the loss and the gradients back.
 * Source: mmcv 1.7.2 `hooks/optimizer.py`.
 */
export class OptimizerHook extends Hook {
  static readonly args: ArgSpec = OPTIMIZER_HOOK_ARGS;
  readonly #detectAnomalous: boolean;
  readonly #gradClip: GradClipOptions | null;

  constructor(args: OptimizerHookArgs = {}) {
    super();
    const { gradClip, detectAnomalousParams } = withDefaults(OPTIMIZER_HOOK_ARGS, args);
    this.#detectAnomalous = Boolean(detectAnomalousParams);
    this.#gradClip = gradClip ? gradClipOptions(gradClip) : null;
  }

  override afterTrainIter(runner: BaseRunner): void | Promise<void> {
    const { optimizer, outputs } = runner;
    if (!optimizer || !outputs?.grads) return;
    this.reportAnomalous(runner);
    if (optimizer instanceof ClosureOptimizer) return this.#stepWithClosure(runner, optimizer, outputs);
    optimizer.zeroGrad();
    for (const [parameter, grad] of outputs.grads) parameter.grad = grad;
    return this.clipAndStep(runner, [...outputs.grads.keys()]);
  }

  /** The closure's first call takes the iteration's own losses and gradients, the others run the model on its batch again. */
  async #stepWithClosure(
    runner: BaseRunner,
    optimizer: ClosureOptimizer,
    outputs: StepOutputs,
  ): Promise<void> {
    // The log buffer may have read its values and let them go.
    let first: StepOutputs | null = areGone(outputs.logVars) ? null : outputs;
    await optimizer.step(async () => {
      optimizer.zeroGrad();
      const current = first ?? runner.model.trainStep(runner.dataBatch as never);
      for (const [parameter, grad] of current.grads ?? []) parameter.grad = grad;
      const norm = this.#clip([...(current.grads?.keys() ?? [])], optimizer);
      if (norm && this.#gradClip?.errorIfNonfinite) await this.#checkNorm(norm);
      if (first) this.#logNorm(runner, norm);
      else norm?.dispose();
      const loss = await readLoss(current.logVars);
      // Those of the iteration are the log buffer's.
      if (!first) disposeValues(current.logVars);
      first = null;
      return loss;
    });
    optimizer.zeroGrad();
  }

  /** With detect_anomalous_params: say which trainable parameters got no gradient. */
  protected reportAnomalous({ optimizer, outputs, logger }: BaseRunner): void {
    if (!this.#detectAnomalous) return;
    for (const { params } of optimizer?.paramGroups ?? []) {
      for (const parameter of params) {
        if (!parameter.requiresGrad || outputs?.grads?.has(parameter)) continue;
        logger.error(
          `${parameter.name} with shape [${parameter.shape.join(', ')}] is not in the computational graph`,
        );
      }
    }
  }

  /** @returns the norm before clipping, the caller's; null without clipping or gradients */
  #clip(parameters: readonly Parameter[], optimizer: Optimizer): Tensor | null {
    if (!this.#gradClip) return null;
    optimizer.prepare();
    return clipGradNorm(parameters, this.#gradClip, optimizer.pool);
  }

  /** @param norm taken */
  #logNorm({ logBuffer, outputs }: BaseRunner, norm: Tensor | null): void {
    if (!norm) return;
    logBuffer.updateLogVars({ names: ['grad_norm'], values: reshape(norm, [1]) }, outputs?.numSamples ?? 1);
    norm.dispose();
  }

  /** Clip the gradients that the parameters hold, log their norm, step, and let them go. With error_if_nonfinite the norm is read back. */
  protected clipAndStep(runner: BaseRunner, parameters: readonly Parameter[]): void | Promise<void> {
    const { optimizer } = runner;
    if (!optimizer) return;
    const norm = this.#clip(parameters, optimizer);
    if (!norm || !this.#gradClip?.errorIfNonfinite) return this.#step(runner, optimizer, norm);
    return this.#checkNorm(norm).then(() => this.#step(runner, optimizer, norm));
  }

  /** @throws RunError `nonfinite-gradient` */
  async #checkNorm(norm: Tensor): Promise<void> {
    try {
      await checkFiniteNorm(norm, this.#gradClip?.normType);
    } catch (error) {
      norm.dispose();
      throw error;
    }
  }

  /** @param norm taken */
  #step(runner: BaseRunner, optimizer: Optimizer, norm: Tensor | null): void | Promise<void> {
    this.#logNorm(runner, norm);
    // A self-written optimizer may leave its intermediate tensors lying.
    const done = tidyUntilDone(() => optimizer.step());
    if (done) return done.then(() => optimizer.zeroGrad());
    optimizer.zeroGrad();
  }
}

/** The total loss of a step. */
async function readLoss({ names, values }: LogVars): Promise<number> {
  const numbers = 'dataId' in values ? await read(values) : values;
  return at(numbers, names.indexOf('loss'));
}

function areGone({ values }: LogVars): boolean {
  return 'dataId' in values && values.isDisposed;
}

function disposeValues({ values }: LogVars): void {
  if ('dataId' in values) values.dispose();
}

HOOKS.registerModule()(OptimizerHook);
