import { ConfigError } from '../../errors/trainerError.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { Hook } from './hook.ts';

/**
 * Searches the dilations of a model's convolutions. Refused: it swaps the layers of a running model.
 * Source: mmcv 1.7.2 `cnn/rfsearch/search.py`.
 */
export class RFSearchHook extends Hook {
  static readonly args = {
    optional: ['mode', 'config', 'rfstructure_file', 'by_epoch', 'verbose'],
  } as const satisfies ArgSpec;

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
