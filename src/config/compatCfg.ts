// Old spellings brought to the current ones. Source: mmdet 2.28.2 compat_cfg (compat_runner_args, compat_imgs_per_gpu, compat_loader_args).

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { deleteEntry, isDict, type PlainDict, plainTypeName, setEntry } from '../lang/plain.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
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
 * @throws ConfigError `conflicting-settings` when an old and a new spelling disagree, `missing-data` without `data`
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
  runnerArgs(dict, warn);
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
  if (!Object.hasOwn(dict, 'total_epochs')) return;
  if (!Object.hasOwn(dict, 'runner')) {
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

  const spread = (key: string, targets: readonly PlainDict[], names: readonly string[]): void => {
    if (!Object.hasOwn(data, key)) return;
    const value = data[key];
    const source = sourceOf(data, key);
    targets.forEach((target, i) => {
      if (Object.hasOwn(target, key)) {
        throw conflict(
          `data.${key} and data.${names[i]}.${key} must not both be set`,
          data,
          key,
          `data.${key}`,
        );
      }
      setEntry(target, key, deepCopy(value));
      if (source) setSource(target, key, source);
    });
    deleteEntry(data, key);
  };

  spread('samples_per_gpu', [train_dataloader], ['train_dataloader']);
  spread('persistent_workers', [train_dataloader], ['train_dataloader']);
  spread('workers_per_gpu', Object.values(loaders), LOADERS);

  if (isDict(data.val)) movePerGpu(data.val, val_dataloader, 'val');
  if (isDict(data.test)) movePerGpu(data.test, test_dataloader, 'test');
  else if (Array.isArray(data.test)) {
    let largest: number | undefined;
    for (const item of data.test as unknown[]) {
      if (!isDict(item) || typeof item.samples_per_gpu !== 'number') continue;
      largest = Math.max(largest ?? item.samples_per_gpu, item.samples_per_gpu);
      deleteEntry(item, 'samples_per_gpu');
    }
    if (largest !== undefined) {
      refuseTwice(test_dataloader, 'test');
      setEntry(test_dataloader, 'samples_per_gpu', largest);
    }
  }
}

function movePerGpu(split: PlainDict, loader: PlainDict, name: 'val' | 'test'): void {
  if (!Object.hasOwn(split, 'samples_per_gpu')) return;
  refuseTwice(loader, name);
  const source = sourceOf(split, 'samples_per_gpu');
  setEntry(loader, 'samples_per_gpu', split.samples_per_gpu);
  if (source) setSource(loader, 'samples_per_gpu', source);
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
