// What `import … from 'tabtrain'` gives a person's module: every base class, registry, built-in class and tensor
// operation. Its types are what the editor knows. The registries and `buildFromCfg` are the run's own there.

import { invariant } from './errors/invariant.ts';
import type { LogSink } from './registry/buildContext.ts';
import type { Registry } from './registry/registry.ts';

// Registries, building
export {
  BBOX_ASSIGNERS,
  BBOX_CODERS,
  BBOX_SAMPLERS,
  DATASETS,
  HOOKS,
  IOU_CALCULATORS,
  MODELS,
  MODELS as BACKBONES,
  MODELS as DETECTORS,
  MODELS as HEADS,
  MODELS as LOSSES,
  MODELS as NECKS,
  OPTIMIZER_BUILDERS,
  OPTIMIZERS,
  PIPELINES,
  PRIOR_GENERATORS,
  RUNNERS,
  SAMPLERS,
} from './registry/registries.ts';
export type { ArgSpec } from './registry/argSpec.ts';
// How an argument is declared: `declareArgs({ interval: optional(kinds.atLeast(kinds.int, 1), 10, 'How often.') })`
export {
  absent,
  declareArgs,
  optional,
  required,
  withDefaults,
  type ArgsOf,
} from './registry/args/declare.ts';
export * as kinds from './registry/args/kinds.ts';
export type { BuildContext, LogSink } from './registry/buildContext.ts';
export { Registry } from './registry/registry.ts';
export { ConfigError } from './errors/trainerError.ts';

// Optimizers, their constructor; hooks and runners; modules and parameters; models; datasets and pipelines
export * from './optim/index.ts';
export * from './runner/index.ts';
export * from './nn/index.ts';
export * from './models/index.ts';
export * from './datasets/index.ts';
// Names that two of these folders use for types of their own.
export type { Evaluation } from './optim/index.ts';
export type { LogVars, StepOutputs } from './runner/index.ts';
export type { Sampler } from './datasets/index.ts';
/** The name that the tutorials use. */
export type { BaseRunner as Runner } from './runner/baseRunner.ts';

// Tensors
export * from './gpu/ops/index.ts';
// Layers and losses, NHWC, each with its gradient
export * from './gpu/ops/layers.ts';
export {
  addInto,
  copyInto,
  runElementwise,
  scaleAll,
  type ElementwiseRun,
} from './gpu/dispatch/elementwise.ts';
// Values of a batch in an own head or loss, and effects on the host: what a compiled step must be told.
export { onStep, stepInput } from './gpu/step/stepInput.ts';
export type { HostValues } from './gpu/step/recordedStep.ts';
export { dispose, keep, read, readMany, tensor, tidy, variable } from './gpu/tensor/memory.ts';
export type { DType, Tensor, Variable } from './gpu/device/tfjs.ts';

// What the tutorials take from torch.nn and mmcv.utils besides
export { isListOf, isSeqOf, isTupleOf } from './usercode/isListOf.ts';
/** `import { nn, optim } from 'torch'` */
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';

/**
 * The run's log, as MMDetection's `get_root_logger`; while the page only describes a config, it says nothing.
 * @example getRootLogger().info('five groups')
 */
export function getRootLogger(): LogSink {
  invariant(false, 'getRootLogger is given to modules by their run');
}

/**
 * Build the object that a config dict describes, as MMCV's `build_from_cfg`.
 * @param cfg `{ type: 'SGD', lr: 0.1 }`; keys as in a config; borrowed
 * @param registry where `type` is looked up
 * @param defaultArgs more arguments, which `cfg` may override
 * @throws RegistryError for an unknown type or argument
 * @example buildFromCfg<Optimizer>(optimizerCfg, OPTIMIZERS, { params: model.parameters() })
 */
export function buildFromCfg<T>(
  _cfg: unknown,
  _registry: Registry<unknown>,
  _defaultArgs?: Readonly<Record<string, unknown>>,
): T {
  invariant(false, 'buildFromCfg is given to modules by their run');
}
