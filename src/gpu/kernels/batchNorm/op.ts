// Batch norm over all axes but the last: with the batch's own statistics (training) or given ones, activation folded in.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../op.ts';
import { emptyTensor, runProgram, spread, type Program } from '../../program.ts';
import { tf, type Tensor } from '../../tfjs.ts';
import type { Activation } from '../conv2d/shape.ts';
import {
  gradSumsProgram,
  inputGradProgram,
  joinStatsProgram,
  joinSumsProgram,
  normaliseProgram,
  normUniforms,
  statsProgram,
} from './op.wgsl.ts';

export interface BatchNormResult {
  readonly y: Tensor;
  /** float32 [C], of this batch. No gradient flows through it. */
  readonly mean: Tensor;
  /** float32 [C], biased (divided by the count), of this batch. No gradient flows through it. */
  readonly variance: Tensor;
}

/**
 * Normalise x [..., C] by its own mean and biased variance: y = (x - mean) / sqrt(variance + eps) * gamma + beta.
 * Running statistics are the caller's; torch updates them with the unbiased variance (times n / (n - 1)).
 */
export function batchNormTrain(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
): BatchNormResult {
  const plan = planOf(x, eps, activation);
  const [y, mean, variance] = runOp({
    inputs: { x, gamma, beta },
    forward: (save) => {
      const stats = batchStatistics(plan, x);
      const out = normalise(plan, x, stats.mean, stats.variance, gamma, beta);
      save([x, stats.mean, stats.variance, gamma, beta]);
      return [out, stats.mean, stats.variance];
    },
    backward: ([dy], saved) => gradients(plan, dy, saved, true),
  });
  return { y, mean, variance };
}

/** Normalise x [..., C] by given statistics (constants): gradients reach x, gamma and beta. */
export function batchNormEval(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
): Tensor {
  const plan = planOf(x, eps, activation);
  const [y] = runOp({
    inputs: { x, gamma, beta },
    forward: (save) => {
      save([x, mean, variance, gamma, beta]);
      return [normalise(plan, x, mean, variance, gamma, beta)];
    },
    backward: ([dy], saved) => gradients(plan, dy, saved, false),
  });
  return y;
}

interface Plan {
  readonly isVec: boolean;
  readonly hasRelu: boolean;
  readonly rows: number;
  readonly channels: number;
  /** Elements of a row as the programs see them: channels / 4 where vectors are used. */
  readonly columns: number;
  /** Rows of one partial sum. */
  readonly rowsPerChunk: number;
  readonly eps: number;
}

// Chunks that keep a device busy without making the joining pass long.
const CHUNKS = 128;
const ROWS_PER_WRITER = 8;

function planOf(x: Tensor, eps: number, activation: Activation | undefined): Plan {
  const channels = x.shape[x.rank - 1] ?? 1;
  invariant(x.size > 0, 'batch norm of an empty tensor');
  const rows = x.size / channels;
  const isVec = channels % 4 === 0;
  return {
    ...{ isVec, hasRelu: activation === 'relu', rows, channels, eps },
    columns: isVec ? channels / 4 : channels,
    rowsPerChunk: Math.max(16, Math.ceil(rows / CHUNKS)),
  };
}

function run(plan: Plan, program: Program, rowsPerThread: number, reads: Tensor[], writes: Tensor[]): void {
  const size = Math.ceil(plan.rows / rowsPerThread) * plan.columns;
  runProgram(program, {
    reads,
    writes,
    uniforms: normUniforms(size, plan.rows, plan.columns, rowsPerThread, plan.eps),
    areUniformsStatic: true,
    grid: spread(size / 64),
  });
}

function batchStatistics(plan: Plan, x: Tensor): { mean: Tensor; variance: Tensor } {
  const { isVec, rows, channels, rowsPerChunk } = plan;
  const chunks = Math.ceil(rows / rowsPerChunk);
  const means = emptyTensor([chunks, channels]);
  const m2s = emptyTensor([chunks, channels]);
  run(plan, statsProgram(isVec), rowsPerChunk, [x], [means, m2s]);
  const mean = emptyTensor([channels]);
  const variance = emptyTensor([channels]);
  run(plan, joinStatsProgram(isVec), rowsPerChunk, [means, m2s], [mean, variance]);
  tf.dispose([means, m2s]);
  return { mean, variance };
}

function normalise(
  plan: Plan,
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
): Tensor {
  const y = emptyTensor(x.shape);
  run(
    plan,
    normaliseProgram(plan.isVec, plan.hasRelu),
    ROWS_PER_WRITER,
    [x, mean, variance, gamma, beta],
    [y],
  );
  return y;
}

function gradients(
  plan: Plan,
  dy: Tensor,
  saved: readonly Tensor[],
  isTraining: boolean,
): Record<string, () => Tensor> {
  const { isVec, hasRelu, rows, channels, rowsPerChunk } = plan;
  const [x] = saved;
  // Here and not in the tidy of one gradient, whose end would free what the next one needs.
  const chunks = Math.ceil(rows / rowsPerChunk);
  const sumParts = emptyTensor([chunks, channels]);
  const dotParts = emptyTensor([chunks, channels]);
  run(plan, gradSumsProgram(isVec, hasRelu), rowsPerChunk, [dy, ...saved], [sumParts, dotParts]);
  const dbeta = emptyTensor([channels]);
  const dgamma = emptyTensor([channels]);
  run({ ...plan, rows: chunks }, joinSumsProgram(isVec), chunks, [sumParts, dotParts], [dbeta, dgamma]);
  tf.dispose([sumParts, dotParts]);
  return {
    x: () => {
      const dx = emptyTensor(x.shape);
      const reads = isTraining ? [dy, ...saved, dbeta, dgamma] : [dy, ...saved];
      run(plan, inputGradProgram(isVec, hasRelu, isTraining), ROWS_PER_WRITER, reads, [dx]);
      return dx;
    },
    gamma: () => tf.clone(dgamma),
    beta: () => tf.clone(dbeta),
  };
}
