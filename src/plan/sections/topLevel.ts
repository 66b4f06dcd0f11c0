// The top level of a config: every key that a run reads, with what it may hold.

import { PARAMWISE_ARGS } from '../../optim/paramwiseArgs.ts';
import {
  absent,
  anything,
  atLeast,
  between,
  built,
  declareArgs,
  dict,
  dictOf,
  either,
  flag,
  int,
  oneOf,
  oneOrMore,
  optional,
  orNone,
  str,
} from '../../registry/args/index.ts';
import { PRIORITIES } from '../../runner/priority.ts';
import { FP16_ARGS } from '../../runner/hooks/scaledStep.ts';
import { LR_CONFIG, MOMENTUM_CONFIG } from '../../schedules/index.ts';
import { DATA_ARGS } from './data.ts';
import { EVALUATION_ARGS } from './evaluation.ts';
import { TEST_CFG, TRAIN_CFG } from './modelCfgs.ts';

const MAX_SEED = 2 ** 32 - 1;

const priority = absent(
  { ...either(str, between(int, 0, 100)), choices: Object.keys(PRIORITIES) },
  'When the hook is called: a level, or its number; a lower one is called first.',
);

const optimizer = built('OPTIMIZERS', ['params'], {
  beside: declareArgs({
    constructor: absent(
      str,
      'The class that groups the parameters; DefaultOptimizerConstructor where there is none.',
    ),
    paramwise_cfg: absent(orNone(dictOf(PARAMWISE_ARGS)), 'Other rates for some of the parameters.'),
  }),
});

/** What a runner gets besides. */
const RUNNER_GIVES = [
  'model',
  'optimizer',
  'fs',
  'work_dir',
  'logger',
  'timestamp',
  'meta',
  'host',
  'control',
  'on_event',
  'claim_work_dir',
];

const runner = built('RUNNERS', RUNNER_GIVES, {
  beside: declareArgs({ constructor: absent(oneOf('DefaultRunnerConstructor'), 'Changes nothing.') }),
});

const logConfig = declareArgs(
  {
    interval: absent(atLeast(int, 1), 'How often a record is written.', 'iterations'),
    hooks: absent(orNone(oneOrMore(built('HOOKS', ['interval']))), 'Where records go: one logger each.'),
    priority,
  },
  { unread: 'all' },
);

const customImports = declareArgs(
  {
    imports: absent(
      orNone(oneOrMore(str)),
      'Modules to import before anything is built, with dots: mmdet.core.my_hook.',
    ),
    allow_failed_imports: absent(flag, 'Whether a module that is missing is only a warning.'),
  },
  { unread: 'all' },
);

const autoScaleLr = declareArgs({
  enable: optional(flag, false, 'Whether the learning rate is scaled.'),
  base_batch_size: absent(orNone(atLeast(int, 1)), 'The batch size that lr was written for.', 'pictures'),
});

const OF_OTHERS = 'Changes nothing here.';

export const TOP_LEVEL = declareArgs(
  {
    model: absent(
      built('MODELS', ['train_cfg', 'test_cfg'], { part: 'detector' }),
      'The detector that is trained.',
    ),
    data: absent(dictOf(DATA_ARGS), 'The data sets, and how they are loaded.'),
    optimizer: absent(optimizer, 'How the parameters are changed.'),
    optimizer_config: absent(
      orNone(built('HOOKS', [], { builtType: 'OptimizerHook' })),
      'The hook that steps: clipping, adding up gradients; None: no steps.',
    ),
    lr_config: absent(orNone(LR_CONFIG), 'How the learning rate changes; None: it stays.'),
    momentum_config: absent(orNone(MOMENTUM_CONFIG), 'How the momentum changes; None: it stays.'),
    runner: absent(orNone(runner), 'How long a run is.'),
    total_epochs: absent(orNone(atLeast(int, 1)), 'The old name of runner.max_epochs.', 'epochs'),
    workflow: absent(
      anything,
      "What an epoch is made of: [('train', 1)], or [('train', 1), ('val', 1)] for validation losses.",
    ),
    checkpoint_config: absent(
      orNone(built('HOOKS', [], { builtType: 'CheckpointHook' })),
      'When checkpoints are saved; None: never.',
    ),
    evaluation: absent(
      orNone(dictOf(EVALUATION_ARGS)),
      'When data.val is evaluated, and with which metrics; None: never.',
    ),
    log_config: absent(
      orNone(dictOf(logConfig)),
      'How often records of the training are written, and where they go.',
    ),
    custom_hooks: absent(
      orNone(oneOrMore(built('HOOKS', [], { beside: declareArgs({ priority }) }))),
      'Further hooks.',
    ),
    custom_imports: absent(
      orNone(dictOf(customImports)),
      "Modules of one's own, which register their classes.",
    ),
    hook_priorities: optional(
      orNone(oneOf('mmcv', 'tutorial')),
      'mmcv',
      "Whose order hooks have: MMCV 1.7's, or that of MMDetection's tutorial.",
    ),
    fp16: absent(
      orNone(dictOf(FP16_ARGS)),
      'Scale losses as mixed precision does; the arithmetic stays float32.',
    ),
    auto_scale_lr: absent(
      orNone(dictOf(autoScaleLr)),
      'Scale lr from the batch size that it was written for.',
    ),
    load_from: absent(orNone(str), 'A checkpoint whose weights the run begins with.'),
    resume_from: absent(orNone(str), 'A checkpoint that the run goes on from.'),
    auto_resume: optional(orNone(flag), false, 'Go on from the newest checkpoint of this config.'),
    resume_optimizer: optional(
      orNone(oneOf('checkpoint', 'config')),
      'checkpoint',
      'Whose options a resumed optimizer has.',
    ),
    work_dir: absent(orNone(str), 'Where the run writes.'),
    seed: absent(orNone(between(int, 0, MAX_SEED)), 'Of everything random.'),
    deterministic: optional(orNone(flag), false, 'Use only kernels that give the same bits every time.'),
    kernels: optional(
      orNone(oneOf('auto', 'measure', 'rule')),
      'auto',
      'How a kernel is chosen: by measuring its variants once, by its own rule, or as the device asks for.',
    ),
    train_cfg: absent(orNone(TRAIN_CFG), 'The old place of model.train_cfg.'),
    test_cfg: absent(orNone(TEST_CFG), 'The old place of model.test_cfg.'),
    dist_params: absent(
      dictOf(
        declareArgs(
          { backend: absent(anything, OF_OTHERS), port: absent(anything, OF_OTHERS) },
          { unread: 'slips' },
        ),
      ),
      OF_OTHERS,
    ),
    log_level: absent(anything, OF_OTHERS),
    gpu_ids: absent(anything, OF_OTHERS),
    device: absent(anything, OF_OTHERS),
    cudnn_benchmark: absent(anything, OF_OTHERS),
    opencv_num_threads: absent(anything, OF_OTHERS),
    mp_start_method: absent(anything, OF_OTHERS),
    find_unused_parameters: absent(anything, OF_OTHERS),
    model_wrapper: absent(orNone(dict), OF_OTHERS),
  },
  // Configs hold variables of one's own; MMDetection's base configs these two.
  { unread: 'slips', known: ['dataset_type', 'data_root'] },
);
