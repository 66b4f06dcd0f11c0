import { ConfigError } from '../../errors/trainerError.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

interface NamedModules {
  namedModules(): Iterable<readonly [string, object]>;
}

/** Modules whose num_classes means something else. */
const UNCHECKED = ['RPNHead', 'VGG', 'FusedSemanticHead', 'GARPNHead'];

/**
 * Checks before each epoch that every head has as many classes as the dataset.
 * Source: mmdet 2.28.2 `datasets/utils.py`, NumClassCheckHook.
 */
export class NumClassCheckHook extends Hook {
  static readonly args = {};

  override beforeTrainEpoch(runner: BaseRunner): void {
    this.#check(runner);
  }

  override beforeValEpoch(runner: BaseRunner): void {
    this.#check(runner);
  }

  #check(runner: BaseRunner): void {
    const { model } = runner;
    const classes = model.CLASSES;
    if (!classes) {
      runner.logger.warning(
        'Please set `CLASSES` in the dataset and check if it is consistent with the `num_classes` of the head',
      );
      return;
    }
    if (typeof classes === 'string') {
      throw new ConfigError(`CLASSES must be a tuple of names, but is the string '${String(classes)}'`, {
        code: 'bad-type',
        path: 'data.train.classes',
        hint: `did you forget the comma? write classes=('${String(classes)}',)`,
      });
    }
    if (!('namedModules' in model)) return;
    for (const [name, module] of (model as unknown as NamedModules).namedModules()) {
      if (!('numClasses' in module) || UNCHECKED.includes(classNameOf(module))) continue;
      if (module.numClasses === classes.length) continue;
      throw new ConfigError(
        `num_classes (${String(module.numClasses)}) of ${classNameOf(module)} must equal the ${classes.length} classes of the dataset (${classes.join(', ')})`,
        {
          code: 'num-classes-mismatch',
          path: `model.${name}.num_classes`,
          hint: `set num_classes=${classes.length}, or give data.train.classes the classes you mean`,
        },
      );
    }
  }
}

HOOKS.registerModule()(NumClassCheckHook);

function classNameOf(module: object): string {
  return 'className' in module && typeof module.className === 'string'
    ? module.className
    : module.constructor.name;
}
