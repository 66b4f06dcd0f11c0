import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

interface YoloxModeSwitchArgs {
  /** Epochs at the end that train without the strong augmentations. Default 15. */
  numLastEpochs?: number;
  /** Types of transforms that are left out in them. Default Mosaic, RandomAffine and MixUp. */
  skipTypeKeys?: readonly string[];
}

/**
 * For the last epochs: leaves out the strong augmentations of the training set, and adds the head's L1 loss (`use_l1`).
 * Source: mmdet 2.28.2 `core/hook/yolox_mode_switch_hook.py`. Differs: every dataset with a pipeline can leave
 * transforms out, not MultiImageMixDataset alone; a head without an L1 loss to add is told in the log; a run that is
 * resumed behind the switch is switched (MMDetection trains such a one to its end as before it).
 */
export class YOLOXModeSwitchHook extends Hook {
  static readonly args = {
    optional: ['num_last_epochs', 'skip_type_keys'],
    kinds: { num_last_epochs: 'int' },
  } as const satisfies ArgSpec;
  readonly numLastEpochs: number;
  readonly skipTypeKeys: readonly string[];
  #isSwitched = false;

  /** @throws ConfigError `bad-value` */
  constructor(args: YoloxModeSwitchArgs = {}) {
    super();
    const { numLastEpochs = 15, skipTypeKeys = ['Mosaic', 'RandomAffine', 'MixUp'] } = args;
    if (!Array.isArray(skipTypeKeys) || !skipTypeKeys.every((key) => typeof key === 'string')) {
      throw new ConfigError(
        `skip_type_keys must be a tuple of names of transforms, but got ${plainRepr(skipTypeKeys)}`,
        { code: 'bad-value', hint: "one name needs the comma: skip_type_keys=('Mosaic',)" },
      );
    }
    this.numLastEpochs = numLastEpochs;
    this.skipTypeKeys = skipTypeKeys;
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    if (this.#isSwitched || runner.maxEpochs === undefined) return;
    const first = runner.maxEpochs - this.numLastEpochs;
    // A run shorter than num_last_epochs is never switched, as in MMDetection.
    if (first < 1 || runner.epoch + 1 < first) return;
    this.#isSwitched = true;
    runner.logger.info('No mosaic and mixup aug now!');
    const { dataLoader } = runner;
    if (!dataLoader?.changeDataset) {
      throw new ConfigError(
        'YOLOXModeSwitchHook must have a dataset with a pipeline, but the loader has none',
        {
          code: 'unsupported',
          path: 'data.train',
        },
      );
    }
    dataLoader.changeDataset({ skipTypeKeys: this.skipTypeKeys });
    const head = headOf(runner.model);
    if (head && 'useL1' in head) {
      head.useL1 = true;
      runner.logger.info('Add additional L1 loss now!');
    } else {
      runner.logger.warning('YOLOXModeSwitchHook: bbox_head has no use_l1, so no L1 loss is added');
    }
  }
}

function headOf(model: object): { useL1?: boolean } | null {
  const head: unknown = 'bboxHead' in model ? model.bboxHead : null;
  return typeof head === 'object' ? head : null;
}

HOOKS.registerModule()(YOLOXModeSwitchHook);
