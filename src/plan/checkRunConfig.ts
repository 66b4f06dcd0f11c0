// The keys at a config's top level: what each must be, and what can't be heard here.

import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { unmetKind, type ArgKind } from '../registry/argKinds.ts';
import { nearest } from '../util/nearest.ts';
import { checkAutoScaleLr } from './autoScaleLr.ts';

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
  deterministic: 'bool?',
  kernels: 'str?',
  auto_resume: 'bool?',
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

/** What the heads of MMDetection's one- and two-stage detectors read of a `test_cfg`. */
const TEST_CFG_KEYS = [
  'nms_pre',
  'min_bbox_size',
  'score_thr',
  'nms',
  'max_per_img',
  'with_nms',
  'conf_thr',
  'score_factors',
  'local_maximum_kernel',
  'topk',
  'filter_thr',
  'mask_thr_binary',
  'rpn',
  'rcnn',
];
const NMS_KEYS = [
  'type',
  'iou_threshold',
  'score_threshold',
  'max_num',
  'split_thr',
  'class_agnostic',
  'offset',
  'min_score',
  'sigma',
  'method',
];
const PARAMWISE_KEYS = [
  'custom_keys',
  'bias_lr_mult',
  'bias_decay_mult',
  'norm_decay_mult',
  'dwconv_decay_mult',
  'dcn_offset_lr_mult',
  'bypass_duplicate',
];

const CUSTOM_RULE_KEYS = ['lr_mult', 'decay_mult'];

/**
 * Check the top level of a resolved config.
 * @returns warnings about keys that look misspelt: nothing reads them
 * @throws ConfigError `bad-value` for a value of the wrong shape
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
  checkAutoScaleLr(dict.auto_scale_lr);
  checkBatchSize(dict.data);
  const { data } = dict;
  return [
    ...misspelt(dict, Object.keys(KEYS), ''),
    ...(isDict(data) ? misspelt(data, DATA_KEYS, 'data.') : []),
    ...misspeltTestCfgs(dict),
    ...(isDict(dict.optimizer) ? misspeltParamwise(dict.optimizer) : []),
  ];
}

/** Detectors pick what they know out of their `test_cfg`; MMDetection is silent about the rest. */
function misspeltTestCfgs({ model, test_cfg: top }: Readonly<Record<string, unknown>>): string[] {
  const places: [unknown, string][] = [[top, 'test_cfg.']];
  if (isDict(model)) places.push([model.test_cfg, 'model.test_cfg.']);
  for (const [cfg, prefix] of [...places]) {
    if (!isDict(cfg)) continue;
    for (const part of ['rpn', 'rcnn']) places.push([cfg[part], `${prefix}${part}.`]);
  }
  return places.flatMap(([cfg, prefix]) => {
    if (!isDict(cfg)) return [];
    const { nms } = cfg;
    return [
      ...misspelt(cfg, TEST_CFG_KEYS, prefix),
      ...(isDict(nms) ? misspelt(nms, NMS_KEYS, `${prefix}nms.`) : []),
    ];
  });
}

/** MMCV ignores keys of `paramwise_cfg`, and of the rules in it, that it doesn't know. A constructor of one's own has its own. */
function misspeltParamwise({
  paramwise_cfg: cfg,
  ...optimizer
}: Readonly<Record<string, unknown>>): string[] {
  const isOurs =
    !Object.hasOwn(optimizer, 'constructor') ||
    (optimizer.constructor as unknown) === 'DefaultOptimizerConstructor';
  if (!isDict(cfg) || !isOurs) return [];
  const path = 'optimizer.paramwise_cfg';
  const rules = isDict(cfg.custom_keys) ? Object.entries(cfg.custom_keys) : [];
  return [
    ...unread(cfg, PARAMWISE_KEYS, path),
    ...rules.flatMap(([key, rule]) =>
      isDict(rule) ? unread(rule, CUSTOM_RULE_KEYS, `${path}.custom_keys['${key}']`) : [],
    ),
  ];
}

function unread(dict: object, known: readonly string[], path: string): string[] {
  const unknown = Object.keys(dict).filter((key) => !known.includes(key));
  return unknown.map((key) => {
    const near = nearest(key, known);
    return near ? `nothing reads ${path}.${key}: did you mean ${near}?` : `nothing reads ${path}.${key}`;
  });
}

function checkBatchSize(data: unknown): void {
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
