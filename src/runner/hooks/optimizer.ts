import { reshape, tidy } from '../../gpu/index.ts';
import { clipGradNorm, gradClipOptions, type GradClipOptions } from '../../optim/gradClip.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { Parameter } from '../../nn/index.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

export interface OptimizerHookArgs {
  /** `dict(max_norm=35, norm_type=2)`; None: no clipping. */
  gradClip?: Readonly<Record<string, unknown>> | null;
  /** Name in the log the trainable parameters that the loss doesn't depend on. Default false. */
  detectAnomalousParams?: boolean;
}

/**
 * After each iteration: take the gradients, clip them, step. Nothing is read back; `grad_norm` (before
 * clipping) reaches the log with the losses.
 * Source: mmcv 1.7.2 `hooks/optimizer.py`.
 */
export class OptimizerHook extends Hook {
  static readonly args = { optional: ['grad_clip', 'detect_anomalous_params'] };
  readonly #detectAnomalous: boolean;
  readonly #gradClip: GradClipOptions | null;

  constructor(args: OptimizerHookArgs = {}) {
    super();
    this.#detectAnomalous = args.detectAnomalousParams ?? false;
    this.#gradClip = args.gradClip ? gradClipOptions(args.gradClip) : null;
  }

  override afterTrainIter(runner: BaseRunner): void {
    const { optimizer, outputs } = runner;
    if (!optimizer || !outputs?.grads) return;
    this.reportAnomalous(runner);
    optimizer.zeroGrad();
    for (const [parameter, grad] of outputs.grads) parameter.grad = grad;
    this.clipAndStep(runner, [...outputs.grads.keys()]);
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

  /** Clip the gradients that the parameters hold, log their norm, step, and let them go. */
  protected clipAndStep(runner: BaseRunner, parameters: readonly Parameter[]): void {
    const { optimizer, outputs } = runner;
    if (!optimizer) return;
    if (this.#gradClip) {
      const norm = clipGradNorm(parameters, this.#gradClip);
      if (norm)
        runner.logBuffer.updateLogVars(
          { names: ['grad_norm'], values: reshape(norm, [1]) },
          outputs?.numSamples ?? 1,
        );
      norm?.dispose();
    }
    // A self-written optimizer may leave its intermediate tensors lying.
    tidy(() => {
      optimizer.step();
    });
    optimizer.zeroGrad();
  }
}

HOOKS.registerModule()(OptimizerHook);
