import type { Problem } from '../../contracts/problem.ts';
import { ConfigError } from '../../errors/trainerError.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

export interface NamedModules {
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
    const [wrong] = numClassProblems(model as unknown as NamedModules, classes, `data.${mode}.classes`);
    if (!wrong) return;
    const { message, code, path, hint } = wrong;
    throw new ConfigError(message, { code, path, hint });
  }
}

/**
 * Every module of a built model whose `numClasses` is not the number of classes, as NumClassCheckHook looks for them.
 * @param classesPath where the classes can be given instead
 */
export function numClassProblems(
  model: NamedModules,
  classes: readonly string[],
  classesPath: string,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, module] of model.namedModules()) {
    if (!('numClasses' in module) || isUnchecked(module)) continue;
    if (module.numClasses === classes.length) continue;
    problems.push({
      severity: 'error',
      code: 'num-classes-mismatch',
      message: `num_classes (${String(module.numClasses)}) of ${classNameOf(module)} must equal the ${classes.length} classes of the dataset (${classes.join(', ')})`,
      path: `model.${name.replace(/\.(\d+)(?=\.|$)/g, '[$1]')}.num_classes`,
      hint: `set num_classes=${classes.length}, or give ${classesPath} the classes you mean`,
    });
  }
  return problems;
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
