import {
  batchNormEval,
  batchNormTrain,
  onStep,
  runElementwise,
  type Activation,
  type BatchNormResult,
  type Tensor,
} from '../../gpu/index.ts';
import { RunError } from '../../errors/index.ts';
import type { Rng } from '../../util/prng.ts';
import { fillConstant } from '../init/initializers.ts';
import { Module } from '../module.ts';
import { FloatBuffer, IntBuffer, Parameter } from '../parameter.ts';

export interface BatchNorm2dArgs {
  numFeatures: number;
  eps?: number;
  /** Share of the new batch in the running statistics; null: plain average over all batches. */
  momentum?: number | null;
  affine?: boolean;
  trackRunningStats?: boolean;
}

/**
 * PyTorch's `BatchNorm2d` on NHWC activations: normalises by the batch in training mode (updating the running
 * statistics), by the running statistics otherwise. `eval()` on the layer alone freezes its statistics (`norm_eval`).
 */
export class BatchNorm2d extends Module {
  override readonly className: string = 'BatchNorm2d';
  override readonly baseNames = ['_BatchNorm'];
  readonly numFeatures: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: FloatBuffer | null = null;
  readonly runningVar: FloatBuffer | null = null;
  readonly numBatchesTracked: IntBuffer | null = null;
  readonly #eps: number;
  readonly #momentum: number | null;
  // Scale and shift of a layer without parameters of its own.
  readonly #one: FloatBuffer;
  readonly #zero: FloatBuffer;

  constructor(args: BatchNorm2dArgs) {
    super();
    const { numFeatures, eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = args;
    this.numFeatures = numFeatures;
    this.#eps = eps;
    this.#momentum = momentum;
    this.#one = new FloatBuffer([numFeatures], 1);
    this.#zero = new FloatBuffer([numFeatures], 0);
    this.weight = affine ? this.addParameter('weight', new Parameter([numFeatures], 'plain', 1)) : null;
    this.bias = affine ? this.addParameter('bias', new Parameter([numFeatures])) : null;
    if (trackRunningStats) {
      this.runningMean = this.addBuffer('running_mean', new FloatBuffer([numFeatures], 0));
      this.runningVar = this.addBuffer('running_var', new FloatBuffer([numFeatures], 1));
      this.numBatchesTracked = this.addBuffer('num_batches_tracked', new IntBuffer());
    }
  }

  /**
   * @param x float32 [B, H, W, C]; borrowed
   * @param activation applied to the result in the same pass
   * @param residual float32 [B, H, W, C], added before the activation (which is then ReLU or its kin); borrowed
   * @returns float32 [B, H, W, C], new
   * @throws RunError in training mode when there is only one value per channel
   */
  forward(x: Tensor, activation?: Activation, residual: Tensor | null = null): Tensor {
    const gamma = (this.weight ?? this.#one).variable;
    const beta = (this.bias ?? this.#zero).variable;
    const mean = this.runningMean?.variable;
    const variance = this.runningVar?.variable;
    if (!this.training && mean && variance)
      return batchNormEval(x, mean, variance, gamma, beta, this.#eps, {
        activation,
        residual,
        isFrozen: this.weight?.requiresGrad !== true && this.bias?.requiresGrad !== true,
      });
    const count = x.size / this.numFeatures;
    if (this.training && count === 1) {
      throw new RunError(
        `batch norm in training needs more than 1 value per channel, but ${this.fullName} got ${x.shape.join(' x ')}`,
        { code: 'batch-too-small', hint: 'raise samples_per_gpu or the picture size, or set norm_eval=True' },
      );
    }
    const isTracking = this.training && mean !== undefined && variance !== undefined;
    const counter = isTracking ? this.numBatchesTracked : null;
    onStep(() => {
      if (counter) counter.value += 1;
    });
    const momentum = this.#momentum;
    const running = isTracking && momentum !== null ? { mean, variance, momentum } : null;
    const batch = batchNormTrain(x, gamma, beta, this.#eps, activation, running, residual);
    if (isTracking && running === null) this.#average(batch, mean, variance, count);
    return batch.y;
  }

  /** Without a momentum: the plain average over all batches, whose factor is another one in every step. */
  #average(batch: BatchNormResult, runningMean: Tensor, runningVar: Tensor, count: number): void {
    const uniforms = (): Record<string, number> => {
      const factor = 1 / (this.numBatchesTracked?.value ?? 1);
      return { factor, kept: 1 - factor, unbiasedFactor: (factor * count) / (count - 1) };
    };
    const { mean, variance } = batch;
    runElementwise({
      name: 'runningStats',
      body: `runningMean = u.kept * runningMean + u.factor * mean;
        runningVar = u.kept * runningVar + u.unbiasedFactor * variance;`,
      reads: { mean, variance },
      writes: { runningMean, runningVar },
      uniforms: uniforms(),
      liveUniforms: uniforms,
    });
  }

  /** Scale 1, shift 0, running mean 0, running variance 1. */
  override resetParameters(_rng: Rng): void {
    if (this.weight) fillConstant(this.weight, 1);
    if (this.bias) fillConstant(this.bias, 0);
    this.runningMean?.fromTorch(new Float32Array(this.numFeatures));
    this.runningVar?.fromTorch(new Float32Array(this.numFeatures).fill(1));
    if (this.numBatchesTracked) this.numBatchesTracked.value = 0;
  }

  override disposeOwn(): void {
    super.disposeOwn();
    this.#one.dispose();
    this.#zero.dispose();
  }
}
