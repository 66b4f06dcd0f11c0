// What every contender does, and the messages by which the rounds are run. Each contender lives in a worker thread of
// its own (PyTorch in a child process), so that devices, tfjs's global state and GPU memory are its own.
import type { NetSpec } from '../nets/netSpec.ts';

export type ContenderName = 'compiled' | 'eager' | 'tfjs' | 'jaxjs' | 'torch_cpu' | 'torch_cuda' | 'matmul';

export interface OptimizerJob {
  readonly rule: 'sgd' | 'adam';
  /** PyTorch's shapes. Values and gradients come from a formula. */
  readonly shapes: readonly (readonly number[])[];
}

/** One op, several times in a row. */
export interface OpJob {
  /** Of `OPS`. */
  readonly op: string;
  readonly repeats: number;
}

/** What is measured: a training step of a net, an optimizer's step alone, or an op. `matmul` ignores it. */
export type Job =
  | { readonly kind: 'net'; readonly net: NetSpec }
  | { readonly kind: 'optimizer'; readonly optimizer: OptimizerJob }
  | ({ readonly kind: 'op' } & OpJob);

export type Request =
  | { readonly do: 'load'; readonly job: Job }
  /** Steps one by one, each waited for. */
  | { readonly do: 'steps'; readonly count: number }
  /** Steps without waiting in between. */
  | { readonly do: 'pipelined'; readonly count: number }
  | { readonly do: 'report' };

export interface Loaded {
  readonly about: string;
  /** After steps 1, 2 and 3 (each before its own update): first outputs, then gradients and update are right. */
  readonly values: readonly number[];
  /** Making the net and its first step: compilation. */
  readonly firstStepMs: number;
}

export interface Sample {
  readonly wallMs: number;
  /** Until the step's commands are handed over. */
  readonly jsMs: number;
  /** CPU time of the whole process: on a software adapter the work itself, whatever else the machine does. */
  readonly cpuMs: number;
}

export interface Report {
  /** Highest sum of the sizes of all GPU buffers alive since the start; null where it isn't known. */
  readonly peakBytes: number | null;
  /** GPU buffers alive now. */
  readonly liveBytes: number | null;
  /** Compute dispatches of the last step. */
  readonly dispatches: number | null;
  /** Tensors alive now; null where they aren't counted. */
  readonly tensors: number | null;
}

/** The answer to each request. */
export interface Answers {
  load: Loaded;
  steps: readonly Sample[];
  pipelined: { readonly stepMs: number };
  report: Report;
}

/** A loaded job. */
export interface Stepper {
  /** Hand over one step's commands. */
  step(): void;
  /** Wait for the device. */
  idle(): Promise<void>;
  /** The loss of the last step; for an optimizer the sum of the first parameter; for a matrix product GFLOP per step. */
  value(): Promise<number>;
  /** Tensors alive. */
  tensors?(): number;
}

/** A library under test, inside its worker. */
export interface Contender {
  /** Library, version, adapter. */
  readonly about: string;
  load(job: Job): Promise<Stepper>;
}

/** Values of an optimizer job's tensor `index`: float32, the same in torchPeer.py. */
export function optimizerValues(shape: readonly number[], index: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  return new Float32Array(size).map((_, i) => ((i + index) % 17) / 17 - 0.5);
}

/** Gradients of an optimizer job's tensor: float32. */
export function optimizerGrads(shape: readonly number[], index: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  return new Float32Array(size).map((_, i) => ((i + 3 * index) % 13) / 13 - 0.4);
}
