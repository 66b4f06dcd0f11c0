// The passes that batch norm and group norm are made of.
import { invariant } from '../../../errors/index.ts';
import { handleOrThrow } from '../../device/handle.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { spread, type Program } from '../../dispatch/program.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import type { Activation } from '../activation.ts';
import {
  frozenGradProgram,
  gradSumsProgram,
  inputGradProgram,
  joinStatsProgram,
  joinSumsProgram,
  normaliseProgram,
  normUniforms,
  statsProgram,
  type Statistics,
} from './op.wgsl.ts';

/** x seen as [samples, rows, channels]; every sample has statistics of its own. */
export interface NormPlan {
  readonly isVec: boolean;
  readonly activation: Activation | undefined;
  readonly samples: number;
  readonly rows: number;
  readonly channels: number;
  /** Rows of one partial sum. */
  readonly rowsPerChunk: number;
  readonly eps: number;
}

/** Running statistics that are moved along with a batch's. */
export interface RunningStats {
  /** float32 [C], written. */
  readonly mean: Tensor;
  /** float32 [C], of unbiased variances; written. */
  readonly variance: Tensor;
  /** Share of the new batch. */
  readonly momentum: number;
}

export interface Moments {
  /** float32 [samples, C]. */
  readonly mean: Tensor;
  /** float32 [samples, C], biased. */
  readonly variance: Tensor;
}

/** Sums of dy and dy * xhat, float32 [samples, C]. */
export interface GradSums {
  readonly sums: Tensor;
  readonly dots: Tensor;
  /** Both once more, as {@link inputGrad} takes them, where that was asked for. */
  readonly pairs: Tensor | null;
}

// Chunks that keep a device busy without making the joining pass long.
const CHUNKS = 128;
// A writing thread loads the values of its channels once: a software adapter, whose loads are dear, gives it more rows.
const ROWS_PER_WRITER = 8;
const SOFTWARE_ROWS_PER_WRITER = 64;
const SOFTWARE_WRITERS = 1024;

/** @param samples 1 for batch norm, the batch size for group norm. */
export function normPlan(
  x: Tensor,
  samples: number,
  eps: number,
  activation: Activation | undefined,
): NormPlan {
  const channels = x.shape[x.rank - 1] ?? 1;
  invariant(x.size > 0, 'norm of an empty tensor');
  const rows = x.size / channels / samples;
  const rowsPerChunk = Math.max(16, Math.ceil((rows * samples) / CHUNKS));
  return { isVec: channels % 4 === 0, activation, samples, rows, channels, rowsPerChunk, eps };
}

function run(
  plan: NormPlan,
  program: Program,
  rowsPerThread: number,
  reads: readonly Tensor[],
  writes: readonly Tensor[],
  options: { readonly rows?: number; readonly size?: number; readonly floats?: readonly number[] } = {},
): void {
  const { rows = plan.rows, floats } = options;
  const columns = plan.isVec ? plan.channels / 4 : plan.channels;
  const size = options.size ?? plan.samples * Math.ceil(rows / rowsPerThread) * columns;
  runProgram(program, {
    reads,
    writes,
    uniforms: normUniforms({ size, rows, columns, rowsPerThread, eps: plan.eps }, floats),
    areUniformsStatic: true,
    grid: spread(size / 64),
  });
}

function rowsPerWriter({ isVec, samples, rows, channels }: NormPlan): number {
  if (!handleOrThrow().info.isSoftware) return ROWS_PER_WRITER;
  const columns = isVec ? channels / 4 : channels;
  const fair = Math.ceil((samples * rows * columns) / SOFTWARE_WRITERS);
  return Math.min(Math.max(fair, ROWS_PER_WRITER), SOFTWARE_ROWS_PER_WRITER);
}

const chunksOf = (plan: NormPlan): number => Math.ceil(plan.rows / plan.rowsPerChunk);

/** Mean and biased variance of each channel of each sample. */
export function momentsOf(plan: NormPlan, x: Tensor, running: RunningStats | null): Moments {
  const { isVec, samples, channels, rows, rowsPerChunk } = plan;
  const partial = [samples * chunksOf(plan), channels];
  const [means, m2s] = [emptyTensor(partial), emptyTensor(partial)];
  run(plan, statsProgram(isVec), rowsPerChunk, [x], [means, m2s]);
  const shape = samples === 1 ? [channels] : [samples, channels];
  const [mean, variance] = [emptyTensor(shape), emptyTensor(shape)];
  const writes = [mean, variance];
  const floats: number[] = [];
  if (running) {
    const { momentum } = running;
    writes.push(running.mean, running.variance);
    floats.push(1 - momentum, momentum, (momentum * rows) / (rows - 1));
  }
  run(plan, joinStatsProgram(isVec, running !== null), rowsPerChunk, [means, m2s], writes, {
    size: isVec ? mean.size / 4 : mean.size,
    floats,
  });
  tf.dispose([means, m2s]);
  return { mean, variance };
}

/** y from x and moments [samples, C]; `residual`, of x's shape, is added before the activation. */
export function normalise(
  plan: NormPlan,
  x: Tensor,
  moments: Moments,
  gamma: Tensor,
  beta: Tensor,
  residual: Tensor | null = null,
): Tensor {
  const y = emptyTensor(x.shape);
  const program = normaliseProgram(plan.isVec, plan.activation, residual !== null);
  const reads = [x, moments.mean, moments.variance, gamma, beta, ...(residual ? [residual] : [])];
  run(plan, program, rowsPerWriter(plan), reads, [y]);
  return y;
}

/** dx where statistics, gamma and beta are constants. @param y the activation's output; not read without one. */
export function frozenGrad(plan: NormPlan, dy: Tensor, variance: Tensor, gamma: Tensor, y: Tensor): Tensor {
  const dx = emptyTensor(dy.shape);
  const { activation } = plan;
  const program = frozenGradProgram(plan.isVec, activation);
  run(plan, program, rowsPerWriter(plan), [dy, variance, gamma, ...(activation ? [y] : [])], [dx]);
  return dx;
}

/** @param saved x, mean, variance, gamma, beta. @param isPaired see {@link GradSums} */
export function gradSums(plan: NormPlan, dy: Tensor, saved: readonly Tensor[], isPaired = false): GradSums {
  const { isVec, samples, channels, rowsPerChunk } = plan;
  const chunks = chunksOf(plan);
  const make = (): Tensor => emptyTensor([samples * chunks, channels]);
  const parts: [Tensor, Tensor] = [make(), make()];
  run(plan, gradSumsProgram(isVec, plan.activation), rowsPerChunk, [dy, ...saved], parts);
  const joined = joinSums(plan, parts, samples, chunks, isPaired);
  tf.dispose(parts);
  return joined;
}

/** Add up pairs [samples, rows, C] over rows. */
export function joinSums(
  plan: NormPlan,
  [sums, dots]: readonly [Tensor, Tensor],
  samples: number,
  rows: number,
  isPaired = false,
): GradSums {
  const shape = samples === 1 ? [plan.channels] : [samples, plan.channels];
  const pairs = isPaired ? emptyPairs(plan, samples) : null;
  const joined = { sums: emptyTensor(shape), dots: emptyTensor(shape), pairs };
  const writes = [joined.sums, joined.dots, ...(pairs ? [pairs] : [])];
  run({ ...plan, samples }, joinSumsProgram(plan.isVec, isPaired), rows, [sums, dots], writes, { rows });
  return joined;
}

/** Room for two values of each channel of each sample, side by side by fours or ones. */
export function emptyPairs({ isVec, channels }: NormPlan, samples: number): Tensor {
  const width = isVec ? 4 : 1;
  return emptyTensor([samples, channels / width, 2, width]);
}

/**
 * @param saved x, mean, variance, gamma, beta.
 * @param pairs what flows back through the statistics, as {@link inputGradProgram} wants it; null for given ones.
 */
export function inputGrad(
  plan: NormPlan,
  statistics: Statistics,
  dy: Tensor,
  saved: readonly Tensor[],
  pairs: Tensor | null,
): Tensor {
  const dx = emptyTensor(dy.shape);
  const program = inputGradProgram(plan.isVec, plan.activation, statistics);
  run(plan, program, rowsPerWriter(plan), [dy, ...saved, ...(pairs ? [pairs] : [])], [dx]);
  return dx;
}
