import type { Problem } from '../../contracts/problem.ts';
import { isDict } from '../../lang/plain.ts';
import { pathBelow } from '../../util/configPath.ts';
import { section, type ConfigInput } from './keys.ts';

/** Top-level keys of MMDetection 3.x (MMEngine), and what to write instead. */
const MMDET3: Readonly<Record<string, string>> = {
  train_dataloader: 'data = dict(samples_per_gpu=…, workers_per_gpu=…, train=dict(…))',
  val_dataloader: 'data = dict(val=dict(…))',
  test_dataloader: 'data = dict(test=dict(…))',
  val_evaluator: "evaluation = dict(interval=1, metric='bbox')",
  test_evaluator: "evaluation = dict(interval=1, metric='bbox')",
  optim_wrapper: "optimizer = dict(type='SGD', lr=…) and optimizer_config = dict(grad_clip=…)",
  param_scheduler: "lr_config = dict(policy='step', warmup='linear', warmup_iters=500, step=[8, 11])",
  default_hooks: 'log_config, checkpoint_config and evaluation',
  default_scope: 'nothing: classes go by their names alone',
  env_cfg: 'dist_params, and cudnn_benchmark at the top level',
  vis_backends: "log_config = dict(hooks=[dict(type='TensorboardLoggerHook')])",
  visualizer: "log_config = dict(hooks=[dict(type='TensorboardLoggerHook')])",
  log_processor: 'log_config = dict(interval=50)',
  randomness: 'seed = 0 and deterministic = True',
  resume: "resume_from = '….pth' or auto_resume = True",
  launcher: 'nothing: a run trains on one device',
  val_cfg: 'evaluation = dict(interval=1)',
  data_preprocessor: "dict(type='Normalize', mean=…, std=…) and dict(type='Pad', size_divisor=32) in the pipelines",
  tta_model: 'nothing: test-time augmentation is a MultiScaleFlipAug in data.test.pipeline',
  tta_pipeline: "dict(type='MultiScaleFlipAug', …) in data.test.pipeline",
  train_pipeline_stage2: 'custom_hooks that change the pipeline',
  runner_type: "runner = dict(type='EpochBasedRunner', max_epochs=12)",
}; // prettier-ignore
/** Names that alone prove nothing: people use them as variables, or MMDetection 2.x has them in `data`. */
const AMBIGUOUS = [
  'resume',
  'launcher',
  'randomness',
  'visualizer',
  'train_pipeline_stage2',
  'runner_type',
  'data_preprocessor',
];
/** Without these nothing can be trained, so that the new key must be translated. */
const NEEDED: Readonly<Record<string, string>> = { train_dataloader: 'data', optim_wrapper: 'optimizer' };

/** Keys of MMDetection 1.x, where they stood, and what to write instead. */
const MMDET1: readonly (readonly [holder: string, key: string, instead: string])[] = [
  ['bbox_head', 'anchor_scales', "anchor_generator=dict(type='AnchorGenerator', scales=…)"],
  ['bbox_head', 'anchor_ratios', "anchor_generator=dict(type='AnchorGenerator', ratios=…)"],
  ['bbox_head', 'anchor_strides', "anchor_generator=dict(type='AnchorGenerator', strides=…)"],
  ['bbox_head', 'octave_base_scale', "anchor_generator=dict(type='AnchorGenerator', octave_base_scale=…)"],
  ['bbox_head', 'target_means', "bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=…)"],
  ['bbox_head', 'target_stds', "bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=…)"],
  ['rpn_head', 'anchor_scales', "anchor_generator=dict(type='AnchorGenerator', scales=…)"],
  ['rpn_head', 'anchor_ratios', "anchor_generator=dict(type='AnchorGenerator', ratios=…)"],
  ['rpn_head', 'anchor_strides', "anchor_generator=dict(type='AnchorGenerator', strides=…)"],
  ['rpn_head', 'target_means', "bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=…)"],
  ['rpn_head', 'target_stds', "bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=…)"],
];

/**
 * Keys of other generations of MMDetection. An error where the config can't be trained without translating it, else a warning.
 * @param dict may be incomplete: it is looked at before anything is required
 */
export function foreignKeys(dict: ConfigInput): Problem[] {
  const found = Object.keys(MMDET3).filter((key) => Object.hasOwn(dict, key));
  const isMmdet3 = found.some((key) => !AMBIGUOUS.includes(key)) || isLoop(dict.train_cfg);
  const problems = found
    .filter((key) => isMmdet3 || isSetting(key, dict[key]))
    .map((key) => newKey(key, dict));
  if (isLoop(dict.train_cfg)) problems.push(loopKey('train_cfg'));
  if (isLoop(dict.test_cfg)) problems.push(loopKey('test_cfg'));
  const model = section(dict, 'model');
  if (isDict(model.data_preprocessor))
    problems.push({ ...newKey('data_preprocessor', dict), path: 'model.data_preprocessor' });
  for (const [holder, key, instead] of MMDET1) {
    if (!Object.hasOwn(section(model, holder), key)) continue;
    const path = pathBelow(pathBelow('model', holder), key);
    problems.push({
      severity: 'warning',
      code: 'mmdet-1-key',
      message: `${path} is a key of MMDetection 1.x, where num_classes counted the background too`,
      path,
      at: 'key',
      hint: `write ${instead}, and num_classes without the background`,
    });
  }
  const evaluation = section(dict, 'evaluation');
  if (Object.hasOwn(evaluation, 'dist'))
    problems.push({
      severity: 'warning',
      code: 'unread-key',
      message: 'nothing reads evaluation.dist',
      path: 'evaluation.dist',
      at: 'key',
      hint: 'a run trains and evaluates on one device: remove it',
    });
  return problems;
}

/** `resume = True` is a setting, `resume = dict(…)` or a text may be anything. */
function isSetting(key: string, value: unknown): boolean {
  if (key === 'resume') return value === true;
  return key === 'launcher' ? typeof value === 'string' : isDict(value);
}

const isLoop = (value: unknown): boolean =>
  isDict(value) &&
  (/Loop$/.test(String(value.type)) || value.by_epoch !== undefined || value.val_interval !== undefined);

function newKey(key: string, dict: ConfigInput): Problem {
  const old = NEEDED[key];
  return {
    severity: old !== undefined && !Object.hasOwn(dict, old) ? 'error' : 'warning',
    code: 'mmdet-3-key',
    message: `${key} is a key of MMDetection 3.x, which nothing reads here`,
    path: key,
    at: 'key',
    hint: `write ${MMDET3[key] ?? 'the key of MMDetection 2.x'}`,
  };
}

function loopKey(key: string): Problem {
  return {
    severity: 'warning',
    code: 'mmdet-3-key',
    message: `${key} names a loop of MMDetection 3.x, which nothing reads here`,
    path: key,
    at: 'key',
    hint:
      key === 'train_cfg'
        ? "write runner = dict(type='EpochBasedRunner', max_epochs=…) and evaluation = dict(interval=…)"
        : 'write evaluation = dict(interval=1)',
  };
}
