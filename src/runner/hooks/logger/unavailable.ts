// MMCV's loggers whose services can't be spoken to from here: each is refused where the config names it.

import { ConfigError } from '../../../errors/trainerError.ts';
import { declareArgs, anything, optional } from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import { HOOKS } from '../../../registry/registries.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { LOGGER_ARGS, LoggerHook } from './base.ts';

const INSTEAD = 'use TensorboardLoggerHook, WandbLoggerHook, MlflowLoggerHook or DvcliveLoggerHook instead';

function refuse(why: string): never {
  throw new ConfigError(why, { code: 'unsupported', hint: INSTEAD });
}

const REFUSED = 'The whole logger is refused.';
const PAVI_ARGS = declareArgs({
  init_kwargs: optional(anything, null, REFUSED),
  add_graph: optional(anything, false, REFUSED),
  img_key: optional(anything, 'img_info', REFUSED),
  add_last_ckpt: optional(anything, false, REFUSED),
  ...LOGGER_ARGS.table,
});

/** Source: mmcv 1.7.2 `hooks/logger/pavi.py`. */
export class PaviLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = PAVI_ARGS;

  constructor() {
    super();
    refuse("Pavi is OpenMMLab's internal service, whose client is not public");
  }
  override log(): void {}
  override beforeTrainIter(): void {}
  override afterRun(_runner: BaseRunner): void {}
}

/** Source: mmcv 1.7.2 `hooks/logger/neptune.py`. */
export class NeptuneLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = declareArgs({
    init_kwargs: optional(anything, null, REFUSED),
    with_step: optional(anything, true, REFUSED),
    ...LOGGER_ARGS.table,
  });

  constructor() {
    super();
    refuse('Neptune has no documented protocol: only its Python client can log to it');
  }
  override log(): void {}
  override afterRun(_runner: BaseRunner): void {}
}

/** Source: mmcv 1.7.2 `hooks/logger/segmind.py`. */
export class SegmindLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = LOGGER_ARGS;

  constructor() {
    super();
    refuse('Segmind has no documented protocol: only its Python client can log to it');
  }
  override log(): void {}
}

/** Source: mmcv 1.7.2 `hooks/logger/clearml.py`. */
export class ClearMLLoggerHook extends LoggerHook {
  static readonly args: ArgSpec = declareArgs({
    init_kwargs: optional(anything, null, REFUSED),
    ...LOGGER_ARGS.table,
  });

  constructor() {
    super();
    refuse('ClearML can only be logged to with its Python client');
  }
  override log(): void {}
}

/** Source: mmdet 2.28.2 `core/hook/wandblogger_hook.py`. */
export class MMDetWandbHook extends LoggerHook {
  static readonly args: ArgSpec = declareArgs(
    {
      init_kwargs: optional(anything, null, REFUSED),
      ...LOGGER_ARGS.table,
      log_checkpoint: optional(anything, false, REFUSED),
      log_checkpoint_metadata: optional(anything, false, REFUSED),
      num_eval_images: optional(anything, 100, REFUSED),
      bbox_score_thr: optional(anything, 0.3, REFUSED),
    },
    { rest: true },
  );

  constructor() {
    super();
    throw new ConfigError(
      "MMDetWandbHook's tables and model artifacts can only be made with W&B's Python client",
      {
        code: 'unsupported',
        hint: 'use WandbLoggerHook, which logs the same values; pictures are in the page and in TensorboardLoggerHook',
      },
    );
  }
  override log(): void {}
  override afterRun(_runner: BaseRunner): void {}
}

HOOKS.registerModule()(PaviLoggerHook);
HOOKS.registerModule()(NeptuneLoggerHook);
HOOKS.registerModule()(SegmindLoggerHook);
HOOKS.registerModule()(ClearMLLoggerHook);
HOOKS.registerModule()(MMDetWandbHook);
