import { CheckpointError } from '../errors/trainerError.ts';
import type { Module } from '../nn/index.ts';
import type { LoadReport } from '../nn/stateDict.ts';

/**
 * Refuse a checkpoint of which not one parameter fits: MMCV would go on with random weights and a long warning.
 * @throws CheckpointError `foreign-checkpoint`
 */
export function checkSomethingLoaded(model: Module, report: LoadReport, path: string): void {
  const names = [...model.namedParameters()].map(([name]) => name);
  const absent = new Set([...report.missing, ...report.mismatched.map(({ name }) => name)]);
  if (names.some((name) => !absent.has(name))) return;
  const [first] = report.mismatched;
  const reason = first
    ? `none of the ${names.length} parameters has its shape (${first.name} is [${first.actual.join(', ')}] in the file, [${first.expected.join(', ')}] in the model)`
    : `it has none of the ${names.length} parameters of the model (such as ${names[0]})`;
  throw new CheckpointError(`the checkpoint must fit the model of the config, but ${reason}`, {
    code: 'foreign-checkpoint',
    path,
    hint: 'use the config that the checkpoint was trained with: tabtrain inspect lists its parameters',
  });
}
