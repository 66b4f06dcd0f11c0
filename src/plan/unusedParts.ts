// Parts of a config that what is planned never builds: what is wrong there must not stop it.

import type { Problem } from '../contracts/problem.ts';
import { isDict } from '../lang/plain.ts';

/** What a plan is made for: `test` evaluates weights on `data.test`. */
export type Purpose = 'train' | 'test';

type Dict = Readonly<Record<string, unknown>>;

const TRAINING_ONLY = [
  'optimizer',
  'optimizer_config',
  'lr_config',
  'momentum_config',
  'auto_scale_lr',
  'runner',
  'workflow',
  'checkpoint_config',
  'log_config',
  'custom_hooks',
  'load_from',
  'resume_from',
];

/**
 * Make warnings of the errors in parts that are not built; for a test, leave out the warnings about training.
 * @param dict the resolved config
 */
export function withoutUnused(problems: readonly Problem[], dict: Dict, purpose: Purpose): Problem[] {
  const isTest = purpose === 'test';
  const unused = isTest ? [...splits('train', 'val'), ...TRAINING_ONLY] : unusedByTraining(dict);
  return problems.flatMap((problem): Problem[] => {
    const { severity, path = '' } = problem;
    if (!unused.some((part) => isAtOrBelow(path, part))) return [problem];
    if (severity === 'error') return [{ ...problem, severity: 'warning' }];
    return isTest ? [] : [problem];
  });
}

function unusedByTraining({ evaluation, workflow }: Dict): string[] {
  const hasValStep =
    Array.isArray(workflow) && workflow.some((step) => Array.isArray(step) && step[0] === 'val');
  const readsVal = evaluation === undefined || isDict(evaluation) || hasValStep;
  return readsVal ? splits('test') : splits('val', 'test');
}

/** With the loader that compatCfg makes of a data set's own keys. */
function splits(...names: readonly string[]): string[] {
  return names.flatMap((name) => [`data.${name}`, `data.${name}_dataloader`]);
}

function isAtOrBelow(path: string, part: string): boolean {
  return path === part || path.startsWith(`${part}.`) || path.startsWith(`${part}[`);
}
