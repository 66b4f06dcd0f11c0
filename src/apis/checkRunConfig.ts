// The keys at a config's top level: what each must be, and what can't be heard here.

import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { unmetKind, type ArgKind } from '../registry/argKinds.ts';
import { nearest } from '../util/nearest.ts';

/** What MMDetection's tools read, and the shape it must have; null: checked where it is read. */
const KEYS: Readonly<Record<string, ArgKind | null>> = {
  model: 'dict',
  train_cfg: 'dict?',
  test_cfg: 'dict?',
  data: 'dict',
  optimizer: 'dict',
  optimizer_config: 'dict?',
  lr_config: 'dict?',
  momentum_config: 'dict?',
  runner: 'dict?',
  total_epochs: 'positive int?',
  workflow: null,
  checkpoint_config: 'dict?',
  evaluation: 'dict?',
  log_config: 'dict?',
  custom_hooks: null,
  custom_imports: 'dict?',
  hook_priorities: 'str?',
  load_from: 'str?',
  resume_from: 'str?',
  work_dir: 'str?',
  seed: 'int?',
  fp16: 'dict?',
  auto_scale_lr: 'dict?',
  dist_params: null,
  log_level: null,
  gpu_ids: null,
  device: null,
};

const DATA_KEYS = [
  'train',
  'val',
  'test',
  'samples_per_gpu',
  'workers_per_gpu',
  'persistent_workers',
  'train_dataloader',
  'val_dataloader',
  'test_dataloader',
];

/**
 * Check the top level of a resolved config.
 * @returns warnings about keys that look misspelt: nothing reads them
 * @throws ConfigError `bad-value` for a value of the wrong shape, `unsupported` for what isn't built
 */
export function checkRunConfig(dict: Readonly<Record<string, unknown>>): string[] {
  for (const [key, kind] of Object.entries(KEYS)) {
    const wanted = kind && unmetKind(dict[key], kind);
    if (!wanted) continue;
    throw new ConfigError(`${key} must be ${wanted}, but got ${plainRepr(dict[key])}`, {
      code: 'bad-value',
      path: key,
    });
  }
  refuseUnsupported(dict);
  const { data } = dict;
  return [
    ...misspelt(dict, Object.keys(KEYS), ''),
    ...(isDict(data) ? misspelt(data, DATA_KEYS, 'data.') : []),
  ];
}

function refuseUnsupported({
  fp16,
  auto_scale_lr: autoScale,
  data,
}: Readonly<Record<string, unknown>>): void {
  if (fp16 !== undefined && fp16 !== null) {
    throw new ConfigError('fp16 is not built yet: it must be None', {
      code: 'unsupported',
      path: 'fp16',
      hint: 'write fp16 = None: training is in float32',
    });
  }
  if (isDict(autoScale) && autoScale.enable === true) {
    throw new ConfigError('auto_scale_lr is not built yet: enable must be False', {
      code: 'unsupported',
      path: 'auto_scale_lr.enable',
      hint: 'scale optimizer.lr yourself: lr * samples_per_gpu / base_batch_size',
    });
  }
  if (!isDict(data)) return;
  const wanted = unmetKind(data.samples_per_gpu, 'positive int');
  if (!wanted) return;
  throw new ConfigError(`samples_per_gpu must be ${wanted}, but got ${plainRepr(data.samples_per_gpu)}`, {
    code: 'bad-value',
    path: 'data.samples_per_gpu',
  });
}

/** A config may hold any helper variable; only names one or two edits away from a known one are suspicious. */
function misspelt(dict: object, known: readonly string[], prefix: string): string[] {
  return Object.keys(dict).flatMap((key) => {
    if (known.includes(key)) return [];
    const near = nearest(key, known, key.length < 6 ? 1 : 2);
    return near === undefined ? [] : [`nothing reads ${prefix}${key}: did you mean ${prefix}${near}?`];
  });
}
