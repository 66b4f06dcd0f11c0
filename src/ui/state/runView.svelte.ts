// Everything the page shows about one run, alive or read from disk.

import type { ErrorReport } from '../../errors/trainerError.ts';
import type {
  ClassScore,
  MemoryBudget,
  PredictedImage,
  RunEvent,
  RunPhase,
  StepProfile,
} from '../../contracts/runEvents.ts';
import type { BusyModule, CheckpointInfo, Measure, RunHistory } from '../../worker/protocol.ts';

const MAX_LOG_LINES = 5000;

export interface RunProgress {
  readonly epoch: number;
  readonly maxEpochs: number;
  readonly iter: number;
  readonly maxIters: number;
  readonly innerIter: number;
  readonly itersPerEpoch: number;
  readonly etaS: number | null;
}

export interface RunFacts {
  readonly configName: string;
  readonly maxEpochs: number | null;
  readonly maxIters: number | null;
  readonly itersPerEpoch: number | null;
  /** Iterations that were done when it was started; a resumed run has some. */
  readonly startIter?: number;
  readonly parameterCount: number | null;
  readonly trainableParameterCount: number | null;
}

/** A failure of an earlier visit: all that is left of it is its message. */
function failureReport(message: string): ErrorReport {
  return { name: 'Error', code: 'run-failed', message, isInputError: false };
}

function isGoing(phase: RunPhase | 'interrupted'): boolean {
  return phase === 'preparing' || phase === 'running' || phase === 'paused';
}

export class RunView {
  workDir = $state<string | null>(null);
  /** The config file that it was started from. */
  configPath = $state<string | null>(null);
  /** Its first iteration was reached: what an end from outside leaves is for it to answer. */
  hasBegun = $state(false);
  phase = $state<RunPhase | 'interrupted'>('preparing');
  error = $state.raw<ErrorReport | null>(null);
  /** What a stop waits for; null when it isn't known, and without one. */
  waitingFor = $state<string | null>(null);
  /** The module that doesn't give the run's thread back. */
  busy = $state.raw<BusyModule | null>(null);
  facts = $state.raw<RunFacts | null>(null);
  progress = $state.raw<RunProgress | null>(null);
  classes = $state.raw<readonly string[]>([]);
  measures = $state.raw<readonly Measure[]>([]);
  log = $state.raw<readonly string[]>([]);
  /** Lines of the log before its first one: it is cut off at the start when it grows long. */
  firstLogLine = $state(0);
  predictions = $state.raw<{ epoch: number; images: readonly PredictedImage[] } | null>(null);
  perClass = $state.raw<readonly ClassScore[]>([]);
  checkpoints = $state.raw<readonly CheckpointInfo[]>([]);
  /** What the largest step so far needs of the GPU. */
  budget = $state.raw<MemoryBudget | null>(null);
  profile = $state.raw<StepProfile | null>(null);
  /** A profile was asked for and hasn't come. */
  isProfiling = $state(false);

  readonly isAlive = $derived(isGoing(this.phase) || this.phase === 'stopping');
  /** A pause was asked for, and its worker has not said that it waits. */
  isPausing = $state(false);
  #isStopAsked = false;

  get isStopAsked(): boolean {
    return this.#isStopAsked;
  }

  /** Show that it stops, also while its worker has no ear for that. */
  askStop(): void {
    this.#isStopAsked = true;
    this.phase = 'stopping';
  }

  /** Take a batch of events: each array is replaced once, however many events it holds. */
  apply(events: readonly RunEvent[]): void {
    // Whoever says something is busy no more.
    this.busy = null;
    const measures: Measure[] = [];
    const lines: string[] = [];
    for (const event of events) {
      switch (event.name) {
        case 'run.phaseChanged':
          // One that was said before the pause took effect, or the stop was heard, changes nothing.
          if (this.isPausing && isGoing(event.phase) && event.phase !== 'paused') break;
          this.isPausing = false;
          this.phase = this.#isStopAsked && isGoing(event.phase) ? 'stopping' : event.phase;
          this.error = event.error ?? null;
          this.waitingFor = event.waitingFor ?? null;
          if (!this.isAlive) this.isProfiling = false;
          break;
        case 'run.started':
          this.hasBegun = true;
          this.workDir = event.workDir;
          // What is done again goes.
          if (this.measures.some(({ iter }) => iter > event.startIter))
            this.measures = this.measures.filter(({ iter }) => iter <= event.startIter);
          this.classes = event.classes;
          this.facts = event;
          break;
        case 'run.progressed':
          this.progress = event;
          break;
        case 'run.logged':
          lines.push(event.line);
          break;
        case 'run.measured':
          measures.push(event);
          break;
        case 'run.evaluated':
          this.perClass = event.perClass;
          break;
        case 'run.predicted':
          this.predictions = event;
          break;
        case 'run.checkpointed':
          this.#addCheckpoint(event);
          break;
        case 'run.planned':
          if (event.budget.total > (this.budget?.total ?? 0)) this.budget = event.budget;
          break;
        case 'run.profiled':
          this.profile = event.profile;
          this.isProfiling = false;
          break;
        case 'run.noticed':
          break;
      }
    }
    if (measures.length > 0) this.measures = [...this.measures, ...measures];
    if (lines.length > 0) this.#addLog(lines);
  }

  /** Show what is on disk. */
  applyHistory(history: RunHistory): void {
    const { summary } = history;
    this.workDir = summary.workDir;
    this.configPath = summary.configPath;
    this.phase = summary.status;
    this.error = summary.message === null ? null : failureReport(summary.message);
    this.classes = history.classes;
    this.measures = history.measures;
    this.log = [];
    this.firstLogLine = 0;
    this.#addLog(history.log);
    this.checkpoints = summary.checkpoints;
    this.facts = {
      configName: summary.configName,
      maxEpochs: history.maxEpochs,
      maxIters: history.maxIters,
      itersPerEpoch: history.itersPerEpoch,
      parameterCount: null,
      trainableParameterCount: null,
    };
  }

  /** Go on from a checkpoint of this run. What it shows stays until the run has begun, and then what lies behind its start. */
  goOn(): void {
    this.hasBegun = false;
    this.#isStopAsked = false;
    this.phase = 'preparing';
    this.error = null;
  }

  /** Show that it waits behind what it does now, also while its worker has no ear for that. */
  askPause(): void {
    if (!isGoing(this.phase)) return;
    this.phase = 'paused';
    this.isPausing = true;
  }

  /** Show that it goes on, also where it has not waited yet. */
  askResume(): void {
    if (this.phase !== 'paused') return;
    this.phase = this.hasBegun ? 'running' : 'preparing';
    this.isPausing = false;
  }

  #addLog(lines: readonly string[]): void {
    const all = [...this.log, ...lines];
    const tooMany = Math.max(0, all.length - MAX_LOG_LINES);
    this.log = all.slice(tooMany);
    this.firstLogLine += tooMany;
  }

  #addCheckpoint(event: Extract<RunEvent, { name: 'run.checkpointed' }>): void {
    const { path, bytes, epoch, iter, removed } = event;
    const kept = this.checkpoints.filter((c) => c.path !== path && !removed.includes(c.path));
    this.checkpoints = [...kept, { path, bytes, epoch, iter, modifiedMs: Date.now() }];
  }
}
