import { CheckpointError } from '../errors/trainerError.ts';
import type { Module } from '../nn/index.ts';
import { prefixInFile } from '../nn/namePrefix.ts';
import type { LoadReport } from '../nn/stateDict.ts';
import type { TorchTensor } from '../serialization/pth/index.ts';

type StateDict = ReadonlyMap<string, TorchTensor>;

/**
 * Fit the weights of other trainers, or for other classes, to a model: names behind a prefix (Lightning's `model.`) lose it, and
 * modules that can use a part of a tensor take that.
 * @returns the fitted weights, and what is to be told of them
 */
export async function fitted(
  model: Module,
  given: StateDict,
): Promise<{ readonly stateDict: StateDict; readonly notes: readonly string[] }> {
  const stateDict = new Map(given);
  const notes: string[] = [];
  const names = model.namedParameters().map(([name]) => name);
  const prefix = prefixInFile(given.keys(), names);
  if (prefix && !names.some((name) => given.has(name))) {
    stateDict.clear();
    for (const [name, value] of given)
      if (name.startsWith(prefix)) stateDict.set(name.slice(prefix.length), value);
    notes.push(`the names behind '${prefix}' are taken, ${given.size - stateDict.size} others are left out`);
  }
  for (const [, module] of model.namedModules()) notes.push(...(await module.fitState(stateDict)));
  return { stateDict, notes };
}

/** A checkpoint of which a smaller share of the parameters fits is of another model. */
const LEAST_SHARE = 0.1;

/**
 * Refuse a checkpoint of which next to nothing fits: MMCV would go on with random weights and a long warning.
 * @param stateDict what was to be loaded, for its names
 * @throws CheckpointError `foreign-checkpoint`
 */
export function checkSomethingLoaded(
  model: Module,
  report: LoadReport,
  path: string,
  stateDict: ReadonlyMap<string, unknown>,
): void {
  const names = model.namedParameters().map(([name]) => name);
  const absent = new Set([...report.missing, ...report.mismatched.map(({ name }) => name)]);
  const fitting = names.filter((name) => !absent.has(name)).length;
  if (fitting >= names.length * LEAST_SHARE) return;
  const [first] = report.mismatched;
  const reason = first
    ? `only ${fitting} of ${names.length} parameters have their shape (${first.name} is [${first.actual.join(', ')}] in the file, [${first.expected.join(', ')}] in the model)`
    : `it has only ${fitting} of its ${names.length} parameters (${names.find((name) => absent.has(name)) ?? ''} is missing)`;
  throw new CheckpointError(`the checkpoint must fit the model of the config, but ${reason}`, {
    code: 'foreign-checkpoint',
    path,
    hint: hintFor(stateDict, names),
  });
}

/** Files of other trainers (Lightning's, a wrapped or averaged model's) have the same names behind a prefix, or the other way. */
function hintFor(stateDict: ReadonlyMap<string, unknown>, names: readonly string[]): string {
  const prefix = prefixInFile(stateDict.keys(), names);
  if (prefix)
    return `the file has the model's names behind '${prefix}': save it without, torch.save({'state_dict': {k.removeprefix('${prefix}'): v for k, v in state_dict.items()}}, 'weights.pth')`;
  const part = prefixInFile(names, [...stateDict.keys()]);
  if (part)
    return `the file holds the model's ${part.slice(0, -1)} alone: load it there, with init_cfg=dict(type='Pretrained', checkpoint=…)`;
  return 'use the config that the checkpoint was trained with: tabtrain inspect lists its parameters';
}
