// Old spellings brought to the current ones. Source: mmdet 2.28.2 compat_cfg (compat_runner_args, compat_imgs_per_gpu, compat_loader_args).

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { deleteEntry, isDict, type PlainDict, plainTypeName, setEntry } from '../lang/plain.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';
import { deepCopy } from './merge.ts';

const NOWHERE: Span = { file: '', from: 0, to: 0, line: 1, column: 1, endLine: 1, endColumn: 1 };
const LOADERS = ['train_dataloader', 'val_dataloader', 'test_dataloader'] as const;

export interface CompatResult {
  readonly dict: PlainDict;
  readonly warnings: Diagnostic[];
}

/**
 * Return a new config with `total_epochs` as a runner, `imgs_per_gpu` as `samples_per_gpu`, and the loader arguments of `data` in
 * `data.{train,val,test}_dataloader`.
 * @throws ConfigError `conflicting-settings` when an old and a new spelling disagree, `missing-data` without `data`,
 * `missing-runner` without `runner` and `total_epochs`, `bad-value` for a list data.test that has no datasets
 */
export function compatCfg(config: PlainDict): CompatResult {
  const dict = deepCopy(config);
  const warnings: Diagnostic[] = [];
  const warn = (message: string, container: PlainDict, key: string): void => {
    warnings.push({
      severity: 'warning',
      code: 'old-setting',
      message,
      span: sourceOf(container, key)?.span ?? NOWHERE,
    });
  };
  const { data } = dict;
  if (!isDict(data)) {
    throw new ConfigError(
      `data must be a dict, but got ${data === undefined ? 'nothing' : plainTypeName(data)}`,
      {
        code: 'missing-data',
        path: 'data',
        span: sourceOf(dict, 'data')?.span,
      },
    );
  }
  imagesPerGpu(data, warn);
  loaderArgs(data);
  runnerArgs(dict, warn);
  return { dict, warnings };
}

type Warn = (message: string, container: PlainDict, key: string) => void;

function conflict(message: string, container: PlainDict, key: string, path: string): ConfigError {
  return new ConfigError(message, {
    code: 'conflicting-settings',
    path,
    span: sourceOf(container, key)?.span,
  });
}

function runnerArgs(dict: PlainDict, warn: Warn): void {
  if (!Object.hasOwn(dict, 'runner')) {
    if (!Object.hasOwn(dict, 'total_epochs'))
      throw new ConfigError('runner must be a dict that says how long to train, but the config has none', {
        code: 'missing-runner',
        path: 'runner',
        hint: "write runner = dict(type='EpochBasedRunner', max_epochs=12)",
      });
    const runner: PlainDict = { type: 'EpochBasedRunner', max_epochs: dict.total_epochs };
    const source = sourceOf(dict, 'total_epochs');
    if (source) for (const key of [null, 'type', 'max_epochs']) setSource(runner, key, source);
    setEntry(dict, 'runner', runner);
    warn(
      "total_epochs is the old spelling, write runner = dict(type='EpochBasedRunner', max_epochs=…)",
      dict,
      'total_epochs',
    );
    return;
  }
  if (!Object.hasOwn(dict, 'total_epochs')) return;
  const { runner } = dict;
  const epochs = isDict(runner) ? runner.max_epochs : undefined;
  if (epochs !== dict.total_epochs) {
    throw conflict(
      `total_epochs must equal runner.max_epochs, but they are ${String(dict.total_epochs)} and ${String(epochs)}`,
      dict,
      'total_epochs',
      'total_epochs',
    );
  }
}

function imagesPerGpu(data: PlainDict, warn: Warn): void {
  if (!Object.hasOwn(data, 'imgs_per_gpu')) return;
  warn('data.imgs_per_gpu is the old spelling of data.samples_per_gpu', data, 'imgs_per_gpu');
  if (Object.hasOwn(data, 'samples_per_gpu')) {
    warn(
      `data has imgs_per_gpu=${String(data.imgs_per_gpu)} and samples_per_gpu=${String(data.samples_per_gpu)}; the first is used`,
      data,
      'imgs_per_gpu',
    );
  } else {
    warn(`samples_per_gpu is set to imgs_per_gpu=${String(data.imgs_per_gpu)}`, data, 'imgs_per_gpu');
  }
  setEntry(data, 'samples_per_gpu', data.imgs_per_gpu);
  const source = sourceOf(data, 'imgs_per_gpu');
  if (source) setSource(data, 'samples_per_gpu', source);
}

function loaderArgs(data: PlainDict): void {
  const loaders = Object.fromEntries(
    LOADERS.map((name) => {
      if (!Object.hasOwn(data, name)) setEntry(data, name, {});
      const loader = data[name];
      if (!isDict(loader))
        throw conflict(
          `data.${name} must be a dict, but got a ${plainTypeName(loader)}`,
          data,
          name,
          `data.${name}`,
        );
      return [name, loader];
    }),
  ) as Record<(typeof LOADERS)[number], PlainDict>;
  const { train_dataloader, val_dataloader, test_dataloader } = loaders;

  toTrainLoader('samples_per_gpu', data, train_dataloader);
  toTrainLoader('persistent_workers', data, train_dataloader);
  // MMDetection lets this one win over what a loader says.
  for (const loader of Object.values(loaders)) copyEntry('workers_per_gpu', data, loader);
  deleteEntry(data, 'workers_per_gpu');

  const { val, test } = data;
  if (isDict(val)) movePerGpu(val, val_dataloader, 'val');
  if (isDict(test)) movePerGpu(test, test_dataloader, 'test');
  else if (Array.isArray(test) && !(test instanceof Tuple)) moveLargest(test, test_dataloader);
}

function toTrainLoader(key: string, data: PlainDict, loader: PlainDict): void {
  if (!Object.hasOwn(data, key)) return;
  if (Object.hasOwn(loader, key))
    throw conflict(
      `data.${key} and data.train_dataloader.${key} must not both be set`,
      data,
      key,
      `data.${key}`,
    );
  copyEntry(key, data, loader);
  deleteEntry(data, key);
}

/** Copy an entry that there may be, with its place in the text. */
function copyEntry(key: string, from: PlainDict, to: PlainDict): void {
  if (!Object.hasOwn(from, key)) return;
  setEntry(to, key, deepCopy(from[key]));
  const source = sourceOf(from, key);
  if (source) setSource(to, key, source);
}

/** Several test datasets share a loader: it takes the largest `samples_per_gpu`, of which each has 1 unless it says so. */
function moveLargest(datasets: readonly unknown[], loader: PlainDict): void {
  if (datasets.length === 0)
    throw new ConfigError('data.test must have at least one dataset, but its list is empty', {
      code: 'bad-value',
      path: 'data.test',
    });
  const own = datasets
    .filter((item) => isDict(item))
    .filter((item) => Object.hasOwn(item, 'samples_per_gpu'));
  if (own.length > 0) refuseTwice(loader, 'test');
  setEntry(loader, 'samples_per_gpu', 1);
  for (const item of own) {
    const size = item.samples_per_gpu;
    if (typeof size !== 'number')
      throw new ConfigError(`samples_per_gpu must be a number, but got a ${plainTypeName(size)}`, {
        code: 'bad-type',
        path: `data.test[${datasets.indexOf(item)}].samples_per_gpu`,
        span: sourceOf(item, 'samples_per_gpu')?.span,
      });
    if (size > Number(loader.samples_per_gpu)) copyEntry('samples_per_gpu', item, loader);
    deleteEntry(item, 'samples_per_gpu');
  }
}

function movePerGpu(split: PlainDict, loader: PlainDict, name: 'val' | 'test'): void {
  if (!Object.hasOwn(split, 'samples_per_gpu')) return;
  refuseTwice(loader, name);
  copyEntry('samples_per_gpu', split, loader);
  deleteEntry(split, 'samples_per_gpu');
}

function refuseTwice(loader: PlainDict, name: 'val' | 'test'): void {
  if (!Object.hasOwn(loader, 'samples_per_gpu')) return;
  throw conflict(
    `data.${name}.samples_per_gpu and data.${name}_dataloader.samples_per_gpu must not both be set`,
    loader,
    'samples_per_gpu',
    `data.${name}_dataloader.samples_per_gpu`,
  );
}
