// The `evaluation` dict: read, and checked before the first epoch instead of after it.

import { ConfigError } from '../errors/trainerError.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { checkMetrics, EVALUATE_ARGS, metricNames } from '../datasets/evaluateBoxes.ts';
import { evaluateSpecOf, evaluationStyleOf } from '../datasets/wrappers.ts';
import { isDict, plainTruth, type PlainDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { unmetKind } from '../registry/argKinds.ts';
import type { ArgSpec } from '../registry/argSpec.ts';
import { HOOK_ARGS, WITHOUT_EFFECT } from './sections/evaluation.ts';
import { checkRule } from '../runner/hooks/saveBest.ts';
import { firstOf } from '../util/firstOf.ts';
import { nearest } from '../util/nearest.ts';

export interface EvaluationCfg {
  /** What EvalHook takes, by config names. */
  readonly hook: Readonly<Record<string, unknown>>;
  /** What goes to the dataset's `evaluate`, by config names. */
  readonly evaluate: Readonly<Record<string, unknown>>;
}

/**
 * Read a config's `evaluation`. Without one there is an evaluation after each epoch, as in MMDetection.
 * @returns null for None: no evaluation
 */
export function readEvaluation(dict: Readonly<Record<string, unknown>>): EvaluationCfg | null {
  const { evaluation = {} } = dict;
  if (!isDict(evaluation)) return null;
  const hook: PlainDict = {};
  const evaluate: PlainDict = {};
  for (const [key, value] of Object.entries(evaluation)) {
    if (Object.hasOwn(HOOK_ARGS.kinds, key)) hook[key] = value;
    else if (!Object.hasOwn(WITHOUT_EFFECT, key)) evaluate[key] = value;
  }
  return { hook, evaluate };
}

/**
 * Check a config's `evaluation` against the dataset that is evaluated on.
 * @param dataset data.val; null: what it takes is not known
 * @throws ConfigError for a value of the wrong kind, and for a key, metric or metric item that the dataset doesn't take
 */
export function checkEvaluation({ hook, evaluate }: EvaluationCfg, dataset: Dataset | null): void {
  checkKinds(hook, HOOK_ARGS.kinds);
  checkRule(hook.rule as string | null | undefined);
  const spec = dataset && evaluateSpecOf(dataset);
  if (!spec) return;
  const own = [...(spec.required ?? []), ...(spec.optional ?? [])];
  const known = [...Object.keys(HOOK_ARGS.kinds), ...own];
  for (const key of spec.rest ? [] : Object.keys(evaluate)) {
    if (own.includes(key)) continue;
    const near = nearest(key, known);
    throw new ConfigError(`evaluation got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      path: `evaluation.${key}`,
      hint: near ? `did you mean '${near}'?` : `it takes: ${known.join(', ')}`,
    });
  }
  checkKinds(evaluate, spec.kinds ?? {});
  if (spec !== EVALUATE_ARGS) return;
  checkMetrics(evaluate);
  checkSaveBest(hook.save_best, evaluate, dataset);
}

/** A metric that the dataset never gives would end the training after its first evaluation. */
function checkSaveBest(key: unknown, evaluate: Readonly<Record<string, unknown>>, dataset: Dataset): void {
  if (typeof key !== 'string' || key === 'auto') return;
  const classNames = dataset.CLASSES.length > 0 ? dataset.CLASSES : null;
  const names = metricNames(evaluate, classNames, evaluationStyleOf(dataset));
  if (names === null || names.includes(key)) return;
  const near = nearest(key, names);
  const hint = near === undefined ? '' : `did you mean '${near}'? `;
  const perClass = plainTruth(evaluate.classwise) ? '' : '; with classwise=True the AP of each class too';
  throw new ConfigError(`evaluation.save_best must name a metric of the evaluation, but got '${key}'`, {
    code: 'unknown-metric',
    path: 'evaluation.save_best',
    hint: `${hint}data.val gives: ${firstOf(names, 12)}${perClass}`,
  });
}

/** What a config's `evaluation` asks for in vain. @param hasVal whether there is data.val */
export function evaluationWarnings(dict: Readonly<Record<string, unknown>>, hasVal: boolean): string[] {
  const { evaluation } = dict;
  if (!isDict(evaluation)) return [];
  if (!hasVal) return ['evaluation has nothing to evaluate on: data.val is missing'];
  const warnings = Object.entries(WITHOUT_EFFECT)
    .filter(([key]) => key in evaluation && evaluation[key] !== null && evaluation[key] !== false)
    .map(([key, why]) => `evaluation.${key} has no effect: ${why}`);
  if (typeof evaluation.jsonfile_prefix === 'string')
    warnings.push(
      'evaluation.jsonfile_prefix has no effect: no result files are written; tabtrain test --out writes one',
    );
  return warnings;
}

function checkKinds(values: Readonly<Record<string, unknown>>, kinds: NonNullable<ArgSpec['kinds']>): void {
  for (const [key, kind] of Object.entries(kinds)) {
    const wanted = unmetKind(values[key], kind);
    if (wanted === null) continue;
    throw new ConfigError(`evaluation.${key} must be ${wanted}, but got ${plainRepr(values[key])}`, {
      code: 'bad-value',
      path: `evaluation.${key}`,
    });
  }
}
