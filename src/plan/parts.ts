// What a run is made of, built as far as it can be: a plan is read off it, a run goes on from it.

import type { ConfigDict } from '../config/config.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import type { PlannedLength } from '../contracts/plan.ts';
import type { Problem } from '../contracts/problem.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { invariant } from '../errors/invariant.ts';
import type { Detector } from '../models/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { BuildContext, RunServices } from '../registry/buildContext.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { Evaluator } from '../runner/hooks/evaluation.ts';
import type { RunnerOptions, Workflow } from '../runner/runnerTypes.ts';
import type { CheckTypes, UserModules } from '../usercode/userModules.ts';
import type { RunConfig } from './runConfig.ts';
import type { Purpose } from './unusedParts.ts';
import type { GivenWeights } from './weightClasses.ts';

/** Which run: a config, and what a command line or a button says besides. */
export interface PlanJob {
  readonly fs: FileSystem;
  readonly decodeImage: DecodeImage;
  /** In `fs`, such as `workspace/configs/shapes/retinanet_tiny_shapes.py`. */
  readonly configPath: string;
  readonly cfgOptions?: Record<string, unknown>;
  /** Switch the config's `auto_scale_lr` on. */
  readonly autoScaleLr?: boolean;
  /** Default: the config's, else 0. */
  readonly seed?: number;
  /** Default `train`. */
  readonly purpose?: Purpose;
  /** Finds type errors in the modules of the run: warnings. Default: they are not looked for. */
  readonly checkTypes?: CheckTypes;
}

/** What the parts are connected to: a run's files, log and person; a plan needs none of it. */
export interface PartsHost {
  readonly services?: Pick<RunServices, 'log' | 'readEnv' | 'askSecret'>;
  /** For the runner: where it writes, whom it tells. */
  readonly runner?: Omit<RunnerOptions, 'model' | 'optimizer' | 'fs'>;
  /** Hears what is to be said once the parts are assembled. */
  readonly warn?: (message: string) => void;
  /** Evaluates on the validation set. */
  readonly makeEvaluator?: (model: Detector, valSet: Dataset, parts: Parts) => Promise<Evaluator>;
  readonly info?: (line: string) => void;
  /** What the run begins with, null: nothing; absent: not known, the config says it. Its classes number the data's labels where they have the same names. */
  readonly weights?: GivenWeights | null;
}

/** The parts that are there so far, each null until its builder has made it. */
export interface Parts {
  readonly job: PlanJob;
  readonly host: PartsHost;
  readonly config: RunConfig;
  /** The resolved config, its lr scaled where `auto_scale_lr` says so. */
  readonly dict: ConfigDict;
  readonly seed: number;
  readonly userModules: UserModules;
  readonly context: BuildContext;
  readonly problems: Problem[];
  workflow: Workflow | null;
  trainSet: Dataset | null;
  /** Null also where nothing is evaluated. */
  valSet: Dataset | null;
  /** Null also where nothing is tested. */
  testSet: Dataset | null;
  itersPerEpoch: number | null;
  model: Detector | null;
  optimizer: Optimizer | null;
  runner: BaseRunner | null;
  length: PlannedLength | null;
}

/** A part that the builders before have made. */
export function need<
  K extends
    'workflow' | 'trainSet' | 'testSet' | 'itersPerEpoch' | 'model' | 'optimizer' | 'runner' | 'length',
>(parts: Parts, name: K): NonNullable<Parts[K]> {
  const part = parts[name];
  invariant(part !== null, `${name} is built before it is used`);
  return part as NonNullable<Parts[K]>;
}
