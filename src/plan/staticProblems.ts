// What is wrong with a config's dicts by what their classes declare: everything at once, with nothing built.

import type { ConfigDict } from '../config/config.ts';
import type { Problem } from '../contracts/problem.ts';
import { expandDatasetCfg } from '../datasets/expandCfg.ts';
import { isDict } from '../lang/plain.ts';
import { copySources } from '../lang/sourceMap.ts';
import { cfgProblems } from '../registry/cfgProblems.ts';
import type { Registries } from '../registry/registries.ts';
import { withoutLoaderKeys } from './buildDataset.ts';

/** Beside an optimizer's own arguments, for its constructor. */
const CONSTRUCTOR_KEYS = ['constructor', 'paramwise_cfg'];

/**
 * Check every dict of a config that is built from a registry.
 * @param registries the run's, with the person's own classes
 */
export function staticProblems(dict: ConfigDict, registries: Registries): Problem[] {
  const { model, data, optimizer } = dict;
  const problems: Problem[] = [];
  if (isDict(model)) {
    const gives = ['train_cfg', 'test_cfg'];
    problems.push(...cfgProblems(model, 'MODELS', registries, 'model', { gives, part: 'detector' }));
  }
  if (isDict(optimizer) && !Object.hasOwn(optimizer, 'constructor')) {
    const own = without(optimizer, CONSTRUCTOR_KEYS);
    problems.push(...cfgProblems(own, 'OPTIMIZERS', registries, 'optimizer', { gives: ['params'] }));
  }
  for (const split of ['train', 'val', 'test']) {
    const cfg = isDict(data) ? data[split] : undefined;
    if (isDict(cfg) || Array.isArray(cfg)) {
      const expanded = expandDatasetCfg(withoutLoaderKeys(cfg, undefined));
      problems.push(...cfgProblems(expanded, 'DATASETS', registries, `data.${split}`));
    }
  }
  return [...problems, ...hookProblems(dict, registries)];
}

function hookProblems(dict: ConfigDict, registries: Registries): Problem[] {
  const { checkpoint_config: checkpoint, log_config: log, custom_hooks: custom } = dict;
  const problems: Problem[] = [];
  if (isDict(checkpoint)) {
    const type = 'CheckpointHook';
    problems.push(...cfgProblems(checkpoint, 'HOOKS', registries, 'checkpoint_config', { type }));
  }
  const loggers = isDict(log) && Array.isArray(log.hooks) ? log.hooks : [];
  for (const [i, cfg] of loggers.entries()) {
    const path = `log_config.hooks[${i}]`;
    if (isDict(cfg)) problems.push(...cfgProblems(cfg, 'HOOKS', registries, path, { gives: ['interval'] }));
  }
  for (const [i, cfg] of (Array.isArray(custom) ? custom : []).entries()) {
    if (!isDict(cfg)) continue;
    problems.push(...cfgProblems(without(cfg, ['priority']), 'HOOKS', registries, `custom_hooks[${i}]`));
  }
  return problems;
}

function without(cfg: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  const rest = Object.fromEntries(Object.entries(cfg).filter(([key]) => !keys.includes(key)));
  copySources(cfg, rest);
  return rest;
}
