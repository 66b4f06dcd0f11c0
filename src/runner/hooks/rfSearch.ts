import { ConfigError } from '../../errors/trainerError.ts';
import { declareArgs, anything, optional } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { Hook } from './hook.ts';

const REFUSED = 'The whole hook is refused.';
const ARGS = declareArgs({
  mode: optional(anything, 'search', REFUSED),
  config: optional(anything, {}, REFUSED),
  rfstructure_file: optional(anything, null, REFUSED),
  by_epoch: optional(anything, true, REFUSED),
  verbose: optional(anything, true, REFUSED),
});

/**
 * Searches the dilations of a model's convolutions. Refused: it swaps the layers of a running model.
 * Source: mmcv 1.7.2 `cnn/rfsearch/search.py`.
 */
export class RFSearchHook extends Hook {
  static readonly args: ArgSpec = ARGS;

  constructor() {
    super();
    throw new ConfigError('RFSearchHook swaps the layers of a running model, which is not supported here', {
      code: 'unsupported',
      hint: 'search with MMCV, then write the dilations it found into the backbone',
    });
  }
  override afterTrainIter(): void {}
  override afterTrainEpoch(): void {}
}

HOOKS.registerModule()(RFSearchHook);
