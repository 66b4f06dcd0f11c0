// What a config's text alone tells of its sections, and what the registries tell besides: nothing is built.

import type { ConfigDict } from '../../config/config.ts';
import type { Problem } from '../../contracts/problem.ts';
import { isDict } from '../../lang/plain.ts';
import { copySources } from '../../lang/sourceMap.ts';
import { keyProblems } from '../../registry/cfgProblems.ts';
import type { Fault } from '../../registry/args/index.ts';
import type { Registries } from '../../registry/registries.ts';
import { scalingType } from '../optimizerHook.ts';
import { TEST_CFG, TRAIN_CFG } from './modelCfgs.ts';
import { TOP_LEVEL } from './topLevel.ts';

type Dict = Readonly<Record<string, unknown>>;

/** Values of the wrong kind or outside of their range, and keys that nothing reads, of what is no registered class. */
export function sectionProblems(dict: Dict): Problem[] {
  const { model } = dict;
  return [
    ...TOP_LEVEL.faults(withoutOwnConstructor(dict)).map(toProblem),
    ...(isDict(model) ? unreadOfModel(model) : []),
  ];
}

/** What is wrong with every dict of a config that is built from a registry. @param registries the run's, with the person's own classes */
export function staticProblems(dict: ConfigDict, registries: Registries): Problem[] {
  return keyProblems(withScaling(withoutOwnConstructor(dict)), TOP_LEVEL.kinds, registries, '');
}

/** What the detector's class takes of them is its own to check. */
function unreadOfModel({ train_cfg: train, test_cfg: test }: Dict): Problem[] {
  const faults = [
    ...(isDict(train) ? (TRAIN_CFG.faults?.(train) ?? []).map(below('train_cfg')) : []),
    ...(isDict(test) ? (TEST_CFG.faults?.(test) ?? []).map(below('test_cfg')) : []),
  ];
  return faults.filter(({ code }) => code === 'unread-key').map(toProblem);
}

function below(key: string): (fault: Fault) => Fault {
  return (fault) => ({ ...fault, below: `.model.${key}${fault.below}` });
}

function toProblem({ below: place, at, code, says, hint, severity }: Fault): Problem {
  const path = place.slice(1);
  // compatCfg has moved what stood in `data` into the loaders.
  const subject = path.replace(/^data\.(?:\w+_dataloader\.)?(?=\w+_per_gpu$)/, '');
  const isUnread = code === 'unread-key' || code === 'misplaced-key';
  return {
    severity: severity ?? 'error',
    code,
    message: isUnread ? `nothing reads ${path}` : `${subject} ${says}`,
    path,
    at,
    hint,
  };
}

/** A constructor of one's own decides what `optimizer` holds. */
function withoutOwnConstructor(dict: Dict): Dict {
  const { optimizer, ...rest } = dict;
  const own =
    isDict(optimizer) && Object.hasOwn(optimizer, 'constructor') ? optimizer.constructor : undefined;
  if (own === undefined || (own as unknown) === 'DefaultOptimizerConstructor') return dict;
  copySources(dict, rest);
  return rest;
}

/** With `fp16` the hook of `optimizer_config` is another. */
function withScaling(dict: Dict): Dict {
  const { optimizer_config: cfg, fp16 } = dict;
  const type = isDict(fp16) && isDict(cfg) ? scalingType(cfg) : undefined;
  if (type === undefined || !isDict(cfg)) return dict;
  const scaling = { ...cfg, type };
  copySources(cfg, scaling);
  const changed = { ...dict, optimizer_config: scaling };
  copySources(dict, changed);
  return changed;
}
