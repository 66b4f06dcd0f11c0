import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import type { Locks } from '../contracts/locks.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import type { DatasetSpec } from '../plan/buildDataset.ts';
import type { RunServices } from '../registry/buildContext.ts';
import type { RunControl } from '../runner/runControl.ts';
import type { BusyModule } from '../usercode/moduleGuard.ts';
import type { CheckTypes } from '../usercode/userModules.ts';
import type { KernelOptions } from './kernelChoices.ts';
import type { WatchStray } from '../usercode/strayErrors.ts';

/** Which run, what it may use, and who hears of it. */
export interface TrainJob {
  /** In `fs`, such as `workspace/configs/shapes/retinanet_tiny_shapes.py`. */
  configPath: string;
  fs: FileSystem;
  decodeImage: DecodeImage;
  control: RunControl;
  onEvent: RunListener;
  cfgOptions?: Record<string, unknown>;
  /** Default `work_dirs/<config>/<timestamp>`. */
  workDir?: string;
  /** A checkpoint to go on from; overrides the config's. */
  resumeFrom?: string;
  /** A checkpoint to take the weights of; overrides the config's. */
  loadFrom?: string;
  /**
   * Go on with the newest good checkpoint of this config's runs, if there is one; overrides the config's. `own`: of the work
   * dir's own run, and it is an error when there is none.
   */
  autoResume?: boolean | 'own';
  /** Whose options a resumed optimizer goes on with; overrides the config's `resume_optimizer`. */
  resumeOptimizer?: 'checkpoint' | 'config';
  /** Switch the config's `auto_scale_lr` on. */
  autoScaleLr?: boolean;
  /** Default: the config's, else that of the checkpoint that is resumed, else 0. */
  seed?: number;
  /** How variants of kernels are chosen. Default: as the config's `kernels` says, else auto. */
  kernels?: Omit<KernelOptions, 'isDeterministic' | 'isStopped'>;
  /** Run op by op instead of compiling the steps: slower, the same numbers. Default false. */
  eager?: boolean;
  /** What a NaN or infinite loss does, besides a warning. Default: pause, so that a person can look. */
  onInvalidLoss?: 'pause' | 'go-on' | 'stop';
  /** Keep other runs out of the work dir. Default: no others can be. */
  locks?: Locks;
  /** Who trains where, as the log says: `user@machine`. */
  host?: string;
  /** Environment variables, for loggers; a page has none. */
  readEnv?: RunServices['readEnv'];
  /** Finds type errors in the modules of the run: warnings in its log. Default: they are not looked for. */
  checkTypes?: CheckTypes;
  /** Hands over errors that nobody waits for; default: they are not looked for. */
  watchStray?: WatchStray;
  /**
   * Hears of modules that don't give the thread back, from somebody who can end the thread. Default: nobody can, and a
   * module that is busy for 9 s ends the run with `endless-loop`.
   */
  onModuleBusy?: (busy: BusyModule) => void;
  /** Asks a person for a logger's key. */
  askSecret?: RunServices['askSecret'];
  /** Has samples made by `workers` other threads, at least one. Default: this thread makes them, as with workers_per_gpu = 0. */
  createSampleSource?: (spec: DatasetSpec, workers: number) => Promise<SampleSource>;
}
