// Every message between the page and its workers, by name. Types only, from layers 0 to 2.

import type { ArgumentDocs } from '../contracts/argumentDocs.ts';
import type { Plan } from '../contracts/plan.ts';
import type { RunEvent } from '../contracts/runEvents.ts';

export type { Plan, PlannedGroup, PlannedParameter } from '../contracts/plan.ts';

export interface FileInfo {
  /** From the root of the tab's file system: `workspace/configs/a.py`. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** A file that ships with the page. */
export interface SeedFile {
  readonly path: string;
  readonly text: string;
}

export type RunStatus = 'running' | 'interrupted' | 'finished' | 'stopped' | 'failed';

export interface CheckpointInfo extends FileInfo {
  /** Null for names that don't say, such as `latest.pth`. */
  readonly epoch: number | null;
  readonly iter: number | null;
}

/** One folder of work_dirs that holds a `run.json`. */
export interface RunSummary {
  readonly workDir: string;
  readonly configName: string;
  readonly configPath: string;
  readonly status: RunStatus;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly checkpoints: readonly CheckpointInfo[];
  /** Why it failed. */
  readonly message: string | null;
}

/** One record of `.log.json`. */
export interface Measure {
  readonly mode: 'train' | 'val';
  readonly epoch: number;
  /** Over the whole run, from 1. */
  readonly iter: number;
  readonly values: Readonly<Record<string, number>>;
}

/** What is left of a run on disk. */
export interface RunHistory {
  readonly summary: RunSummary;
  readonly measures: readonly Measure[];
  /** The end of the text log. */
  readonly log: readonly string[];
  readonly itersPerEpoch: number | null;
  readonly maxEpochs: number | null;
  readonly maxIters: number | null;
  readonly classes: readonly string[];
}

export interface DatasetIssue {
  readonly severity: 'skipped' | 'warning' | 'note';
  /** The picture, annotation or file it is about. */
  readonly item: string;
  readonly message: string;
}

/** A config that trains on a data set. */
export interface OfferedConfig {
  /** In the workspace. */
  readonly path: string;
  /** What it does. */
  readonly label: string;
  readonly text: string;
}

export interface DatasetSummary {
  readonly name: string;
  readonly format: string;
  readonly imageCount: number;
  readonly boxCount: number;
  readonly classes: readonly { readonly name: string; readonly boxes: number }[];
  readonly splits: readonly { readonly name: string; readonly images: number; readonly boxes: number }[];
  readonly issues: readonly DatasetIssue[];
  /** What may be trained on it, the best first; none without a class to learn. */
  readonly configs: readonly OfferedConfig[];
}

export type ImportSource =
  | { readonly kind: 'zip'; readonly file: File }
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly file: File }[] };

export interface ImportProgress {
  readonly done: number;
  /** Null while it is not known. */
  readonly total: number | null;
  readonly what: string;
}

export interface PreviewPicture {
  readonly name: string;
  readonly file: File;
  readonly width: number;
  readonly height: number;
  /** x, y, width, height in px of the picture. */
  readonly boxes: readonly {
    readonly label: string;
    readonly bbox: readonly [number, number, number, number];
  }[];
}

export interface ParameterRow {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** Answered by dataWorker.ts. */
export interface DataCalls {
  'files.tree': { req: { path: string }; res: FileInfo[] };
  // The calls below that change files take paths in `workspace/` only.
  'files.readText': { req: { path: string }; res: string };
  /**
   * @param expected the text that the caller believes to be stored; null for a file that must not be there; absent: whatever is.
   * Where something else is stored nothing is written, and `conflict` is it.
   */
  'files.writeText': {
    req: { path: string; text: string; expected?: string | null };
    res: { conflict: string | null };
  };
  'files.rename': { req: { from: string; to: string }; res: undefined };
  'files.copy': { req: { from: string; to: string }; res: undefined };
  'files.remove': { req: { path: string }; res: undefined };
  /** A handle on the stored bytes, for downloads and pictures. */
  'files.open': { req: { path: string }; res: File };
  'workspace.seed': { req: { files: readonly SeedFile[] }; res: { written: string[] } };
  /** `activeWorkDir` is the run that is alive now: any other `running` one was interrupted. */
  'runs.list': { req: { activeWorkDir: string | null }; res: RunSummary[] };
  'runs.read': { req: { workDir: string; activeWorkDir: string | null }; res: RunHistory };
  /** The run's folder with its log and checkpoints. */
  'runs.remove': { req: { workDir: string }; res: undefined };
  'datasets.list': { req: Record<string, never>; res: DatasetSummary[] };
  'datasets.import': {
    req: { source: ImportSource; name: string; replace: boolean };
    res: DatasetSummary;
    progress: ImportProgress;
  };
  'datasets.remove': { req: { name: string }; res: undefined };
  'datasets.preview': { req: { name: string; count: number }; res: PreviewPicture[] };
  'checkpoint.inspect': { req: { path: string }; res: ParameterRow[] };
}

/** Nothing is told unasked by the data worker. */
export type DataEvents = Record<never, never>;

/** A logger's key, asked of the person. */
export interface SecretQuestion {
  /** The same for every run: an answer for the same {@link origin} is given again without asking. */
  readonly name: string;
  readonly title: string;
  /** Of the server that gets the answer: `https://api.wandb.ai`. */
  readonly origin: string;
  /** Where one gets it. */
  readonly url: string;
  /** Why the last answer did not do. */
  readonly refused?: string | null;
}

export interface EngineInfo {
  /** `NVIDIA GeForce RTX 4070`, `SwiftShader`... */
  readonly name: string;
  readonly isSoftware: boolean;
}

export interface RunRequest {
  readonly runId: number;
  readonly configPath: string;
  readonly cfgOptions?: Record<string, unknown>;
  readonly workDir?: string;
  readonly resumeFrom?: string;
  readonly autoResume?: 'own';
  readonly loadFrom?: string;
}

/** A line of a module from which the thread hasn't come back. */
export interface BusyModule {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly seconds: number;
}

/** What a worker that runs people's modules says of itself. */
export interface WorkerSigns {
  /** Once, at its start: it holds this Web Lock for as long as it lives. */
  'worker.alive': { lock: string };
  /** Each second, while a module doesn't give the thread back; in planning also where one gets it (0 seconds). */
  'module.busy': BusyModule;
}

/** Answered by planWorker.ts. */
export interface PlanCalls {
  /** What a run of the config would be. Needs no GPU. */
  'config.describe': {
    req: { configPath: string };
    res: Plan;
    /** The part that is made next, as `plan/builders.ts` names them. */
    progress: { part: string };
  };
  /** What configs may hold: our classes, and those of the modules of the last plan. */
  'arguments.describe': { req: Record<never, never>; res: ArgumentDocs };
  'worker.ping': { req: Record<never, never>; res: undefined };
}

/** Answered by runWorker.ts: it lives for one run. */
export interface RunCalls {
  'engine.probe': { req: Record<string, never>; res: EngineInfo };
  /** Answers when the run has ended. */
  'run.train': { req: RunRequest; res: { workDir: string } };
  'run.pause': { req: { runId: number }; res: undefined };
  'run.resume': { req: { runId: number }; res: undefined };
  'run.stop': { req: { runId: number }; res: undefined };
  /** Time each op of the next iterations; `run.profiled` tells the result. */
  'run.profile': { req: { runId: number; iters: number }; res: undefined };
  /** Answers `secret.asked`; null: the person has none. It is kept in memory only. */
  'secret.answer': { req: { id: number; value: string | null }; res: undefined };
}

export interface RunWorkerEvents extends WorkerSigns {
  /** About ten a second at most; `seq` counts from 0 within a run. */
  'run.batch': { runId: number; seq: number; events: readonly RunEvent[] };
  /** Training goes on meanwhile. */
  'secret.asked': { runId: number; id: number; question: SecretQuestion };
}
