import type { Problem } from '../../contracts/problem.ts';
import { isDict } from '../../lang/plain.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { unmetKind, type ArgKind } from '../../registry/argKinds.ts';
import { pathKeys } from '../../util/configPath.ts';
import type { ConfigInput } from './keys.ts';

/** The shape that a section must have. */
const KINDS: Readonly<Record<string, ArgKind>> = {
  model: 'dict',
  train_cfg: 'dict?',
  test_cfg: 'dict?',
  data: 'dict',
  optimizer: 'dict',
  optimizer_config: 'dict?',
  lr_config: 'dict?',
  momentum_config: 'dict?',
  runner: 'dict?',
  total_epochs: 'positive int?',
  checkpoint_config: 'dict?',
  evaluation: 'dict?',
  log_config: 'dict?',
  custom_imports: 'dict?',
  hook_priorities: 'str?',
  load_from: 'str?',
  resume_from: 'str?',
  work_dir: 'str?',
  seed: 'int?',
  deterministic: 'bool?',
  kernels: 'str?',
  auto_resume: 'bool?',
  resume_optimizer: 'str?',
  fp16: 'dict?',
  auto_scale_lr: 'dict?',
  'data.samples_per_gpu': 'positive int',
  'data.train_dataloader.samples_per_gpu': 'positive int',
  'data.val_dataloader.samples_per_gpu': 'positive int',
  'data.test_dataloader.samples_per_gpu': 'positive int',
  'runner.max_epochs': 'positive int?',
  'runner.max_iters': 'positive int?',
  'log_config.interval': 'positive int',
  'evaluation.interval': 'positive int',
  'checkpoint_config.interval': 'int',
  'checkpoint_config.max_keep_ckpts': 'int',
};

interface Bound {
  readonly path: string;
  /** In words, after "must be". */
  readonly wanted: string;
  readonly severity: Problem['severity'];
  readonly fits: (value: number) => boolean;
  readonly hint?: string;
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;

const BOUNDS: readonly Bound[] = [
  {
    path: 'seed',
    wanted: 'a whole number from 0 to 4294967295',
    severity: 'error',
    fits: (value) => isCount(value) && value < 2 ** 32,
  },
  ...['data', 'data.train_dataloader', 'data.val_dataloader', 'data.test_dataloader'].map((loader) => ({
    path: `${loader}.workers_per_gpu`,
    wanted: 'a whole number of at least 0',
    severity: 'error' as const,
    fits: isCount,
    hint: '0 decodes pictures in the worker that trains',
  })),
  {
    path: 'evaluation.start',
    wanted: 'a whole number of at least 0',
    severity: 'error',
    fits: isCount,
  },
  {
    path: 'optimizer_config.grad_clip.max_norm',
    wanted: 'greater than 0, since every gradient is scaled to it',
    severity: 'warning',
    fits: (value) => value > 0,
    hint: 'write grad_clip=None to leave gradients as they are',
  },
];

/** Values of the wrong shape, or outside of their range. */
export function badValues(dict: ConfigInput): Problem[] {
  const kinds = Object.entries(KINDS).flatMap(([path, kind]): Problem[] => {
    const value = valueAt(dict, path);
    const wanted = unmetKind(value, kind);
    return wanted === null ? [] : [problem(path, wanted, value, 'error')];
  });
  const bounds = BOUNDS.flatMap(({ path, wanted, severity, fits, hint }): Problem[] => {
    const value = valueAt(dict, path);
    const isBad = typeof value === 'number' && !fits(value) && !kinds.some((other) => other.path === path);
    return isBad ? [problem(path, wanted, value, severity, hint)] : [];
  });
  return [...kinds, ...bounds];
}

function problem(
  path: string,
  wanted: string,
  value: unknown,
  severity: Problem['severity'],
  hint?: string,
): Problem {
  const name = path.replace(/^data\.(?:\w+_dataloader\.)?/, '');
  return {
    severity,
    code: 'bad-value',
    message: `${name} must be ${wanted}, but got ${plainRepr(value)}`,
    path,
    hint,
  };
}

function valueAt(dict: ConfigInput, path: string): unknown {
  let value: unknown = dict;
  for (const key of pathKeys(path)) {
    if (!isDict(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
