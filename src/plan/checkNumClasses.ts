// What NumClassCheckHook would find, known when the run is planned: whatever hooks and runner it has.

import type { Problem } from '../contracts/problem.ts';
import { isDict } from '../lang/plain.ts';

/** Their num_classes means something else. Source: mmdet 2.28.2 `datasets/utils.py`. */
const UNCHECKED: readonly unknown[] = ['RPNHead', 'GARPNHead', 'VGG', 'FusedSemanticHead'];

/**
 * Compare every num_classes of a model's config with the classes of the data.
 * @param model the config's `model`; borrowed
 * @param classes those of the training set, in label order
 * @returns an error for each head that has another number, at its `num_classes`
 */
export function checkNumClasses(model: unknown, classes: readonly string[], path = 'model'): Problem[] {
  if (Array.isArray(model))
    return model.flatMap((item, i) => checkNumClasses(item, classes, `${path}[${i}]`));
  if (!isDict(model)) return [];
  const { num_classes: found, type } = model;
  const nested = Object.entries(model).flatMap(([key, value]) =>
    checkNumClasses(value, classes, `${path}.${key}`),
  );
  if (typeof found !== 'number' || found === classes.length || UNCHECKED.includes(type)) return nested;
  const own: Problem = {
    severity: 'error',
    code: 'num-classes-mismatch',
    message: `num_classes of ${typeof type === 'string' ? type : path} must be ${classes.length}, as the data has the classes ${classes.join(', ')}, but is ${found}`,
    path: `${path}.num_classes`,
    hint: `set num_classes=${classes.length}, or give data.train.classes the classes you mean`,
  };
  return [own, ...nested];
}
