import type { Problem } from '../../contracts/problem.ts';
import { isDict, type PlainDict } from '../../lang/plain.ts';
import { pathBelow } from '../../util/configPath.ts';
import { section, unreadKeys, type ConfigInput } from './keys.ts';

/** What MMDetection's tools and ours read at the top level. */
export const TOP_KEYS: readonly string[] = [
  'model', 'train_cfg', 'test_cfg', 'data', 'optimizer', 'optimizer_config', 'lr_config', 'momentum_config', 'runner', 'total_epochs',
  'workflow', 'checkpoint_config', 'evaluation', 'log_config', 'custom_hooks', 'custom_imports', 'hook_priorities', 'load_from',
  'resume_from', 'work_dir', 'seed', 'deterministic', 'kernels', 'auto_resume', 'resume_optimizer', 'fp16', 'auto_scale_lr', 'dist_params', 'log_level',
  'gpu_ids', 'device', 'cudnn_benchmark', 'opencv_num_threads', 'mp_start_method', 'find_unused_parameters', 'dataset_type', 'data_root',
  'model_wrapper',
]; // prettier-ignore

const LOADER_KEYS = [
  'samples_per_gpu',
  'workers_per_gpu',
  'persistent_workers',
  'shuffle',
  'pin_memory',
  'class_aware_sampler',
];
const DATA_KEYS = [
  'train', 'val', 'test', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'imgs_per_gpu',
  'samples_per_gpu', 'workers_per_gpu', 'persistent_workers', 'class_aware_sampler', 'sampler',
]; // prettier-ignore

/** What the heads of MMDetection's one- and two-stage detectors read of a `test_cfg`. */
const TEST_CFG_KEYS = [
  'nms_pre', 'min_bbox_size', 'score_thr', 'nms', 'max_per_img', 'max_per_image', 'top_k', 'with_nms', 'conf_thr', 'score_factors',
  'local_maximum_kernel', 'topk', 'filter_thr', 'mask_thr_binary', 'mask_thr', 'rpn', 'rcnn', 'nms_post', 'max_num', 'nms_thr',
  'nms_across_levels', 'use_rcnn_score', 'iou_thr', 'num_per_class', 'mask_size', 'update_thr', 'center_topk',
]; // prettier-ignore
const TRAIN_CFG_KEYS = [
  'assigner', 'sampler', 'allowed_border', 'pos_weight', 'debug', 'rpn', 'rpn_proposal', 'rcnn', 'smoothl1_beta', 'neg_pos_ratio',
  'nms_pre', 'max_per_img', 'nms', 'min_bbox_size', 'mask_size', 'initial_epoch', 'initial_assigner', 'alpha', 'beta', 'gamma',
  'nms_post', 'max_num', 'nms_thr', 'nms_across_levels', 'center_ratio', 'ignore_ratio', 'dynamic_rcnn', 'mask_thr_binary', 'init',
  'refine', 'num_points', 'point_pos_num', 'point_neg_num', 'cls_weight', 'gaussian_iou', 'pos_iou_thr', 'neg_iou_thr', 'score_thr',
]; // prettier-ignore
const NMS_KEYS = [
  'type', 'iou_threshold', 'iou_thr', 'score_threshold', 'max_num', 'split_thr', 'class_agnostic', 'offset', 'min_score', 'sigma',
  'method', 'nms_thr',
]; // prettier-ignore
const PARAMWISE_KEYS = [
  'custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate',
]; // prettier-ignore
const EVALUATION_KEYS = [
  'interval', 'start', 'by_epoch', 'save_best', 'rule', 'metric', 'dynamic_intervals', 'out_dir', 'classwise', 'iou_thr', 'iou_thrs',
  'metric_items', 'proposal_nums', 'jsonfile_prefix', 'logger', 'greater_keys', 'less_keys', 'test_fn', 'scale_ranges', 'priority',
  'broadcast_bn_buffer', 'tmpdir', 'gpu_collect', 'type', 'use_legacy_coordinate',
]; // prettier-ignore

/** Keys that look misspelt, of what is no registered class. */
export function misspeltKeys(dict: ConfigInput): Problem[] {
  const data = section(dict, 'data');
  return [
    ...unreadKeys(dict, TOP_KEYS, ''),
    ...unreadKeys(data, DATA_KEYS, 'data'),
    ...['train', 'val', 'test'].flatMap((split) => [
      ...unreadKeys(data[`${split}_dataloader`], LOADER_KEYS, `data.${split}_dataloader`),
      ...loaderKeysOf(data[split], `data.${split}`, split === 'train'),
    ]),
    ...unreadKeys(dict.evaluation, EVALUATION_KEYS, 'evaluation'),
    ...unreadKeys(dict.log_config, ['interval', 'hooks', 'priority'], 'log_config', true),
    ...unreadKeys(dict.custom_imports, ['imports', 'allow_failed_imports'], 'custom_imports', true),
    ...unreadKeys(dict.dist_params, ['backend', 'port'], 'dist_params'),
    ...modelCfgs(dict),
    ...paramwise(section(dict, 'optimizer')),
  ];
}

/** A loader's settings inside a data set never act; `samples_per_gpu` of val and test has been moved before. */
function loaderKeysOf(cfg: unknown, path: string, isTrain: boolean): Problem[] {
  if (!isDict(cfg)) return [];
  const wrong = isTrain ? ['samples_per_gpu', 'workers_per_gpu', 'imgs_per_gpu'] : ['workers_per_gpu'];
  return wrong
    .filter((key) => Object.hasOwn(cfg, key))
    .map((key) => ({
      severity: 'warning',
      code: 'misplaced-key',
      message: `nothing reads ${path}.${key}`,
      path: `${path}.${key}`,
      at: 'key',
      hint: `write data = dict(${key === 'imgs_per_gpu' ? 'samples_per_gpu' : key}=…)`,
    }));
}

/** Detectors pick what they know out of `train_cfg` and `test_cfg`; MMDetection is silent about the rest. */
function modelCfgs(dict: ConfigInput): Problem[] {
  const model = section(dict, 'model');
  return (['train_cfg', 'test_cfg'] as const).flatMap((name) => {
    const known = name === 'train_cfg' ? TRAIN_CFG_KEYS : TEST_CFG_KEYS;
    const own = dict[name];
    const isLoop = isDict(own) && typeof own.type === 'string';
    return [
      ...(isLoop ? [] : stageKeys(own, known, name)),
      ...stageKeys(model[name], known, `model.${name}`),
    ];
  });
}

function stageKeys(cfg: unknown, known: readonly string[], path: string): Problem[] {
  // Cascade R-CNN's stages are a list.
  if (Array.isArray(cfg)) return cfg.flatMap((stage, i) => stageKeys(stage, known, pathBelow(path, i)));
  if (!isDict(cfg)) return [];
  return [
    ...unreadKeys(cfg, known, path),
    ...unreadKeys(cfg.nms, NMS_KEYS, `${path}.nms`),
    ...['rpn', 'rpn_proposal', 'rcnn'].flatMap((part) => stageKeys(cfg[part], known, `${path}.${part}`)),
  ];
}

/** MMCV ignores keys of `paramwise_cfg`, and of the rules in it, that it doesn't know. A constructor of one's own has its own. */
function paramwise(optimizer: PlainDict): Problem[] {
  const isOurs =
    !Object.hasOwn(optimizer, 'constructor') ||
    (optimizer.constructor as unknown) === 'DefaultOptimizerConstructor';
  const cfg = optimizer.paramwise_cfg;
  if (!isDict(cfg) || !isOurs) return [];
  const path = 'optimizer.paramwise_cfg';
  const rules = isDict(cfg.custom_keys) ? Object.entries(cfg.custom_keys) : [];
  return [
    ...unreadKeys(cfg, PARAMWISE_KEYS, path, true),
    ...rules.flatMap(([key, rule]) =>
      unreadKeys(rule, ['lr_mult', 'decay_mult'], pathBelow(`${path}.custom_keys`, key), true),
    ),
  ];
}
