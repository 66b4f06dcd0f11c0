// What the two Fp16 hooks share: the scaler, its place in a checkpoint, and the step that may be left out.

import { ConfigError } from '../../errors/trainerError.ts';
import type { Parameter } from '../../nn/index.ts';
import { ClosureOptimizer } from '../../optim/closureOptimizer.ts';
import { GradScaler, largestGrad, LOSS_SCALE, scaleGrads } from '../../optim/gradScaler.ts';
import { declareArgs, flag, number, optional, type ArgsOf } from '../../registry/args/index.ts';
import type { OptimizerHookArgs } from './optimizer.ts';
import type { BaseRunner } from '../baseRunner.ts';

/** The keys of a config's `fp16`; arguments of MMCV's Fp16OptimizerHook. */
export const FP16_ARGS = declareArgs({
  loss_scale: optional(
    LOSS_SCALE,
    512,
    "What gradients are multiplied by before they are added up: a number, 'dynamic', or arguments of PyTorch's GradScaler.",
  ),
  coalesce: optional(flag, true, 'Changes nothing: there is one device.'),
  bucket_size_mb: optional(number, -1, 'Changes nothing: there is one device.', 'MB'),
  distributed: optional(flag, true, 'Changes nothing: there is one device.'),
});

export type Fp16Args = ArgsOf<typeof FP16_ARGS>;

export class ScaledStep {
  readonly scaler: GradScaler;
  readonly #clips: boolean;

  /** @throws ConfigError for a bad loss_scale */
  constructor({ lossScale, gradClip }: Fp16Args & OptimizerHookArgs) {
    this.scaler = new GradScaler(lossScale);
    this.#clips = Boolean(gradClip);
  }

  /** Say once what fp16 means here; go on with the scale of a resumed run. @throws ConfigError `unsupported` */
  begin(runner: BaseRunner): void {
    if (runner.optimizer instanceof ClosureOptimizer) {
      throw new ConfigError('fp16 must have an optimizer that takes no closure, but this one does', {
        code: 'unsupported',
        path: 'fp16',
        hint: 'as in PyTorch, losses are not scaled for LBFGS: remove fp16',
      });
    }
    const saved = (runner.meta.fp16 as { loss_scaler?: object } | undefined)?.loss_scaler;
    if (saved) this.scaler.loadStateDict(saved);
    const { isDynamic, scale } = this.scaler;
    runner.logger.info(
      `fp16: the arithmetic stays float32, weights, activations and gradients alike; ` +
        `the loss is scaled as the config says (${isDynamic ? `dynamic, now ${scale}` : scale}), with PyTorch's rules`,
    );
  }

  /**
   * Bring scaled gradients back, and step unless one of them is infinite or NaN.
   * @param step clips and steps
   */
  async run(
    runner: BaseRunner,
    parameters: readonly Parameter[],
    step: () => void | Promise<void>,
  ): Promise<void> {
    const { optimizer, outputs, logger, logBuffer } = runner;
    if (!optimizer) return;
    const { scaler } = this;
    const largest = await largestGrad(optimizer, parameters);
    const foundInf = !Number.isFinite(largest);
    if (foundInf) {
      // As clip_grad_norm_ gives it for such gradients.
      if (this.#clips) logBuffer.update({ grad_norm: largest }, outputs?.numSamples ?? 1);
      optimizer.zeroGrad();
    } else {
      if (scaler.scale !== 1) scaleGrads(optimizer, parameters, Math.fround(1 / scaler.scale));
      await step();
    }
    scaler.update(foundInf);
    if (foundInf)
      logger.warning(`fp16: a gradient is infinite or NaN, the step is left out; loss scale ${scaler.scale}`);
    runner.meta.fp16 = {
      ...(runner.meta.fp16 as object | undefined),
      loss_scaler: { ...scaler.stateDict() },
    };
  }
}
