import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import type { Detector } from '../models/index.ts';
import type { BuildContext } from '../registry/buildContext.ts';

/** Build a config's detector; a `train_cfg` or `test_cfg` at the top level is handed to it, as MMDetection does. */
export function buildModel(dict: Readonly<Record<string, unknown>>, context: BuildContext): Detector {
  for (const key of ['train_cfg', 'test_cfg']) {
    const inner = isDict(dict.model) ? dict.model[key] : undefined;
    if (isNone(dict[key]) || isNone(inner)) continue;
    throw new ConfigError(`${key} must be given once, but it is both inside model and beside it`, {
      code: 'given-twice',
      path: key,
      hint: 'keep the one inside model',
    });
  }
  const defaults: Record<string, unknown> = {};
  if (!isNone(dict.train_cfg)) defaults.train_cfg = dict.train_cfg;
  if (!isNone(dict.test_cfg)) defaults.test_cfg = dict.test_cfg;
  return context.build<Detector>('MODELS', dict.model, 'model', defaults, 'detector');
}

function isNone(value: unknown): boolean {
  return value === undefined || value === null;
}
