import { ConfigError } from '../../errors/trainerError.ts';
import {
  declareArgs,
  int,
  listOf,
  optional,
  str,
  checkedArgs,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  num_last_epochs: optional(int, 15, 'At the end, which train without the strong augmentations.', 'epochs'),
  skip_type_keys: optional(
    {
      ...listOf(str),
      fault: (value) => {
        const fault = listOf(str).fault(value);
        return fault && { ...fault, hint: "one name needs the comma: skip_type_keys=('Mosaic',)" };
      },
    },
    ['Mosaic', 'RandomAffine', 'MixUp'],
    'Types of transforms that are left out in them.',
  ),
});

/**
 * For the last epochs: leaves out the strong augmentations of the training set, and adds the head's L1 loss (`use_l1`).
 * Source: mmdet 2.28.2 `core/hook/yolox_mode_switch_hook.py`. Differs: every dataset with a pipeline can leave
 * transforms out, not MultiImageMixDataset alone; a head without an L1 loss to add is told in the log; a run that is
 * resumed behind the switch is switched (MMDetection trains such a one to its end as before it).
 */
export class YOLOXModeSwitchHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly numLastEpochs: number;
  readonly skipTypeKeys: readonly string[];
  #isSwitched = false;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    const { numLastEpochs, skipTypeKeys } = checkedArgs(ARGS, args);
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
