// What a step does on the GPU, as data: its dispatches, kept instead of run.
import type { DataId, StorageRecorder } from '../device/backend.ts';
import type { DispatchWork, Grid, Program } from './program.ts';

export interface Binding {
  readonly data: DataId;
  readonly isWritten: boolean;
}

/** One dispatch. Binding k of group 0 is `bindings[k]`; the uniform buffer, if any, comes last. */
export interface RecordedDispatch {
  readonly program: Program;
  readonly bindings: readonly Binding[];
  /** How many of the bindings are read; they come first. */
  readonly readCount: number;
  /** 32-bit words of the uniform buffer. */
  readonly uniforms: Uint32Array | null;
  /** Gives the words anew at each replay, for uniforms that change from step to step. */
  readonly liveUniforms: (() => Uint32Array) | null;
  readonly grid: Grid;
  readonly work: DispatchWork;
}

/** A dispatch as it was recorded, with the choice that led to it. */
export interface ChosenDispatch extends RecordedDispatch {
  readonly choice: VariantChoice | null;
}

/** A choice among variants that a kernel made for one dispatch. */
export interface VariantChoice {
  readonly key: string;
  readonly candidates: readonly string[];
  readonly picked: string;
  /** Measured before, not the kernel's rule. */
  readonly isKnown: boolean;
}

export interface Recorder extends StorageRecorder {
  record(dispatch: RecordedDispatch): void;
  /** A variant was chosen for the dispatch that comes next. */
  chosen(choice: VariantChoice): void;
  refuse(culprit: string): NotRecordable;
}

/** Thrown while recording by whatever a replay couldn't repeat. Its message names the culprit, as a noun. */
export class NotRecordable extends Error {
  override readonly name = 'NotRecordable';
}

let active: Recorder | null = null;

/** The recorder that takes dispatches now, or null when they are run. */
export function activeRecorder(): Recorder | null {
  return active;
}

/** Run `f` with every dispatch going to `recorder`: nothing reaches the GPU and no buffer is allocated. */
export function recordInto<T>(recorder: Recorder, f: () => T): T {
  const outer = active;
  active = recorder;
  try {
    return f();
  } finally {
    active = outer;
  }
}

/** Run `f` for real even while recording: for storage that outlives the step, such as a parameter at its first use. */
export function unrecorded<T>(f: () => T): T {
  const outer = active;
  active = null;
  try {
    return f();
  } finally {
    active = outer;
  }
}
