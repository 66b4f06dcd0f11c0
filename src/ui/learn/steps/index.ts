// The steps of Learn, in their order.

import type { LearnStep } from '../step.ts';
import { anyOptimizer } from './anyOptimizer.ts';
import { checkpointConfig } from './checkpointConfig.ts';
import { cosinePolicy } from './cosinePolicy.ts';
import { evaluationConfig } from './evaluationConfig.ts';
import { gradClip } from './gradClip.ts';
import { hookPriority } from './hookPriority.ts';
import { learningRate } from './learningRate.ts';
import { logConfig } from './logConfig.ts';
import { mmcvHook } from './mmcvHook.ts';
import { momentumSchedule } from './momentumSchedule.ts';
import { numClassCheck } from './numClassCheck.ts';
import { optimizerConstructor } from './optimizerConstructor.ts';
import { ownHook } from './ownHook.ts';
import { ownOptimizer } from './ownOptimizer.ts';
import { paramwise } from './paramwise.ts';
import { polyPolicy } from './polyPolicy.ts';
import { registerHook } from './registerHook.ts';
import { registerOptimizer } from './registerOptimizer.ts';
import { stepPolicy } from './stepPolicy.ts';
import { useOptimizer } from './useOptimizer.ts';
import { workflow } from './workflow.ts';

/** Where Learn begins. */
export const FIRST_STEP: LearnStep = anyOptimizer;

export const STEPS: readonly LearnStep[] = [
  FIRST_STEP,
  learningRate,
  ownOptimizer,
  registerOptimizer,
  useOptimizer,
  optimizerConstructor,
  paramwise,
  gradClip,
  momentumSchedule,
  stepPolicy,
  polyPolicy,
  cosinePolicy,
  workflow,
  ownHook,
  registerHook,
  hookPriority,
  mmcvHook,
  numClassCheck,
  checkpointConfig,
  logConfig,
  evaluationConfig,
];
