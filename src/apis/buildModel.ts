import type { Detector } from '../models/index.ts';
import type { BuildContext } from '../registry/buildContext.ts';

/** Build a config's detector; a `train_cfg` or `test_cfg` at the top level is handed to it, as MMDetection does. */
export function buildModel(dict: Readonly<Record<string, unknown>>, context: BuildContext): Detector {
  const defaults: Record<string, unknown> = {};
  if (dict.train_cfg !== undefined && dict.train_cfg !== null) defaults.train_cfg = dict.train_cfg;
  if (dict.test_cfg !== undefined && dict.test_cfg !== null) defaults.test_cfg = dict.test_cfg;
  return context.build<Detector>('MODELS', dict.model, 'model', defaults);
}
