// The module `tabtrain` of one run.

import { buildFromCfg } from '../registry/buildFromCfg.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import type { Registry } from '../registry/registry.ts';
import * as tabtrain from '../tabtrain.ts';

/** MMDetection's names of one registry. */
const MODEL_REGISTRIES = ['BACKBONES', 'NECKS', 'HEADS', 'LOSSES', 'DETECTORS'];

/**
 * What a person's modules import: everything of tabtrain, with the run's registries instead of its own, so that what they
 * register is gone with the run.
 */
export function makeBuiltins(context: BuildContext): Record<string, unknown> {
  const { registries } = context;
  const build: typeof tabtrain.buildFromCfg = (cfg, registry, defaultArgs) =>
    // The caller says what its registry builds, as with MMCV's.
    buildFromCfg(cfg, registry as Registry<never>, { path: registry.name, context, defaultArgs });
  const { warn, log } = context.services;
  const silent = (): void => undefined;
  const rootLogger = log ?? { info: silent, warning: warn, error: warn };
  const getRootLogger: typeof tabtrain.getRootLogger = () => rootLogger;
  return {
    ...tabtrain,
    ...registries,
    ...Object.fromEntries(MODEL_REGISTRIES.map((name) => [name, registries.MODELS])),
    buildFromCfg: build,
    getRootLogger,
  };
}
