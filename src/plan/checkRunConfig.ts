import { problemText, type Problem } from '../contracts/problem.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { checkAutoScaleLr } from './autoScaleLr.ts';
import { findConfigProblems, foreignKeys, placed } from './problems/index.ts';

/**
 * Check what can be said of a resolved config without building anything.
 * @returns warnings, one line each
 * @throws ConfigError for the first problem that is an error
 */
export function checkRunConfig(dict: Readonly<Record<string, unknown>>): string[] {
  const problems = findConfigProblems(dict);
  refuse(problems);
  checkAutoScaleLr(dict.auto_scale_lr);
  return problems.map(problemText);
}

/**
 * Recognise a config of MMDetection 3.x before its absent 2.x keys are complained of.
 * @throws ConfigError `mmdet-3-key`
 */
export function checkGeneration(dict: Readonly<Record<string, unknown>>): void {
  refuse(foreignKeys(dict).map((problem) => placed(problem, dict)));
}

function refuse(problems: readonly Problem[]): void {
  const error = problems.find(({ severity }) => severity === 'error');
  if (!error) return;
  const { code, message, path, span, hint } = error;
  throw new ConfigError(message, { code, path, span, hint });
}
