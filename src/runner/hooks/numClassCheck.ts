import { ConfigError } from '../../errors/trainerError.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

interface NamedModules {
  namedModules(): Iterable<readonly [string, object]>;
}

/** Modules whose num_classes means something else; classes that extend them count, too. */
const UNCHECKED = ['RPNHead', 'VGG', 'FusedSemanticHead', 'GARPNHead'];

/**
 * Checks before each epoch that every head has as many classes as the epoch's dataset.
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
    const { dataLoader, mode, model } = runner;
    const classes = dataLoader?.dataset ? dataLoader.dataset.CLASSES : model.CLASSES;
    if (!classes) {
      runner.logger.warning(
        'Please set `CLASSES` in the dataset and check if it is consistent with the `num_classes` of the head',
      );
      return;
    }
    if (typeof classes === 'string') {
      throw new ConfigError(`CLASSES must be a tuple of names, but is the string '${String(classes)}'`, {
        code: 'bad-type',
        path: `data.${mode}.classes`,
        hint: `did you forget the comma? write classes=('${String(classes)}',)`,
      });
    }
    if (!('namedModules' in model)) return;
    for (const [name, module] of (model as unknown as NamedModules).namedModules()) {
      if (!('numClasses' in module) || isUnchecked(module)) continue;
      if (module.numClasses === classes.length) continue;
      throw new ConfigError(
        `num_classes (${String(module.numClasses)}) of ${classNameOf(module)} must equal the ${classes.length} classes of the dataset (${classes.join(', ')})`,
        {
          code: 'num-classes-mismatch',
          path: `model.${name}.num_classes`,
          hint: `set num_classes=${classes.length}, or give data.${mode}.classes the classes you mean`,
        },
      );
    }
  }
}

HOOKS.registerModule()(NumClassCheckHook);

/** Python's `isinstance`, by names: none of these classes is there, a person may write them. */
function isUnchecked(module: object): boolean {
  const bases =
    'baseNames' in module && Array.isArray(module.baseNames) ? (module.baseNames as unknown[]) : [];
  const names = new Set<unknown>([classNameOf(module), ...bases]);
  for (let proto: unknown = module; proto instanceof Object; proto = Object.getPrototypeOf(proto) as unknown)
    names.add(proto.constructor.name);
  return UNCHECKED.some((name) => names.has(name));
}

function classNameOf(module: object): string {
  return 'className' in module && typeof module.className === 'string'
    ? module.className
    : module.constructor.name;
}
