import { suite as augment } from './augment.ts';
import { suite as checkpoints } from './checkpoints.ts';
import { suite as cocoEval } from './cocoEval.ts';
import { suite as config } from './config.ts';
import { suite as gradClip } from './gradClip.ts';
import { suite as hookOrder } from './hookOrder.ts';
import { suite as lrSchedules } from './lrSchedules.ts';
import { suite as firstSteps } from './firstSteps.ts';
import { suite as models } from './models.ts';
import { suite as ops } from './ops.ts';
import { suite as optimizerConstructor } from './optimizerConstructor.ts';
import { suite as optimizers } from './optimizers.ts';
import { suite as pipelines } from './pipelines.ts';
import { suite as runtimeMisc } from './runtimeMisc.ts';
import { suite as stateDicts } from './stateDicts.ts';
import { suite as tfevents } from './tfevents.ts';
import type { ParitySuite } from './types.ts';

/** Everything `tabtrain parity` can run, by fixture file. */
export const SUITES: readonly ParitySuite[] = [
  augment,
  checkpoints,
  cocoEval,
  config,
  firstSteps,
  gradClip,
  hookOrder,
  lrSchedules,
  models,
  ops,
  optimizerConstructor,
  optimizers,
  pipelines,
  runtimeMisc,
  stateDicts,
  tfevents,
];
