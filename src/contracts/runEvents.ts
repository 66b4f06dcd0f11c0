// What a training run tells the outside: data only, so that it crosses a worker boundary unchanged.
// Names are `noun.pastVerb`. The command line prints them, the page draws them.

import type { ErrorReport } from '../errors/trainerError.ts';

export type RunPhase = 'preparing' | 'running' | 'paused' | 'stopping' | 'finished' | 'stopped' | 'failed';

/** xyxy, absolute px of `PredictedImage`'s pixels. */
export interface DrawnBox {
  readonly bbox: readonly [number, number, number, number];
  readonly label: number;
  /** 1 for ground truth. */
  readonly score: number;
}

export interface PredictedImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** uint8 [height, width, 3], RGB. */
  readonly rgb: Uint8Array;
  readonly detections: readonly DrawnBox[];
  readonly groundTruth: readonly DrawnBox[];
}

export interface ClassScore {
  readonly name: string;
  /** COCO AP averaged over IoU 0.50:0.95, in [0, 1]; NaN without ground truth. */
  readonly ap: number;
  readonly ap50: number;
}

/** Bytes of the GPU, by what they are for. */
export interface MemoryBudget {
  readonly parameters: number;
  readonly gradients: number;
  /** Null where an optimizer of the person's own doesn't tell before its first step. */
  readonly optimizerState: number | null;
  /** Running statistics of norm layers, and averages of the weights. */
  readonly buffers: number;
  /** What hooks keep besides, such as sums of gradients. */
  readonly hooks: number;
  /** What lives only inside a step, by its plan. */
  readonly activations: number;
  /** Pictures and targets. */
  readonly inputs: number;
  /** Of what is known. */
  readonly total: number;
}

/** One op of a profile; all numbers per iteration. */
export interface ProfiledOp {
  readonly op: string;
  readonly dispatches: number;
  /** NaN where the device has no timestamps. */
  readonly gpuMs: number;
  /** Of the buffers that it reads and writes. */
  readonly bytes: number;
  /** Floating point operations, where they are counted (convolutions, matrix products); else 0. */
  readonly flops: number;
}

/** What some training iterations did on the GPU. */
export interface StepProfile {
  readonly adapter: string;
  readonly iters: number;
  /** By the clock, per iteration, while profiling. */
  readonly wallMs: number;
  readonly hasTimes: boolean;
  /** Speed of the best matrix product on this device, GFLOP/s. */
  readonly peakGflops: number;
  /** The longest first. */
  readonly ops: readonly ProfiledOp[];
}

export interface RunEventMap {
  /** `waitingFor`: what a stop or a run that is prepared waits for: `finishing the checkpoint`, `fetching a.pth: 1.2 of 40.0 MB`. */
  'run.phaseChanged': { phase: RunPhase; error?: ErrorReport; waitingFor?: string };
  'run.started': {
    workDir: string;
    configName: string;
    classes: readonly string[];
    maxEpochs: number;
    maxIters: number;
    itersPerEpoch: number;
    startEpoch: number;
    startIter: number;
    parameterCount: number;
    trainableParameterCount: number;
  };
  /** After every training iteration (throttled by the host). Epochs and iterations count from 1. */
  'run.progressed': {
    epoch: number;
    maxEpochs: number;
    iter: number;
    maxIters: number;
    innerIter: number;
    itersPerEpoch: number;
    etaS: number | null;
  };
  /** A step of a new kind or shape was planned: what all steps hold from now on, with everything that stays. */
  'run.planned': { mode: 'train' | 'val' | 'test'; budget: MemoryBudget };
  'run.profiled': { profile: StepProfile };
  /** One line of the text log, without the line break. */
  'run.logged': { line: string };
  /** What the loggers get: losses, lr, time; or metrics when mode is 'val'. `iter`: finished iterations of the run. */
  'run.measured': {
    mode: 'train' | 'val';
    epoch: number;
    iter: number;
    values: Readonly<Record<string, number>>;
  };
  'run.evaluated': {
    epoch: number;
    iter: number;
    metrics: Readonly<Record<string, number>>;
    perClass: readonly ClassScore[];
  };
  'run.predicted': { epoch: number; images: readonly PredictedImage[] };
  'run.checkpointed': {
    path: string;
    /** Fingerprint of the state dict: CRC-32 over its tensors' little-endian bytes, in order; 8 hex digits. */
    crc32: string;
    bytes: number;
    epoch: number;
    iter: number;
    removed: readonly string[];
    /** Names of tensors with values that are NaN or infinite; absent when there are none. */
    notFinite?: readonly string[];
  };
  /** Something the person should know once. */
  'run.noticed': { level: 'info' | 'warning' | 'error'; code: string; message: string; hint?: string };
}

export type RunEventName = keyof RunEventMap;
export type RunEvent = { [N in RunEventName]: { readonly name: N } & RunEventMap[N] }[RunEventName];
export type RunListener = (event: RunEvent) => void;
