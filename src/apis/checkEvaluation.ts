// The `evaluation` dict, checked before the first epoch instead of after it.

import { ConfigError } from '../errors/trainerError.ts';
import { checkCocoMetrics } from '../evaluation/index.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { unmetKind, type ArgKind } from '../registry/argKinds.ts';
import { EVAL_HOOK_KEYS } from '../runner/hooks/evaluation.ts';
import { nearest } from '../util/nearest.ts';

/** What the two datasets' `evaluate` take; the files that mmdet would write are not made here. */
const EVALUATE_KEYS = [
  'metric',
  'logger',
  'jsonfile_prefix',
  'classwise',
  'proposal_nums',
  'iou_thrs',
  'iou_thr',
  'metric_items',
  'scale_ranges',
];

const KINDS: Readonly<Record<string, ArgKind>> = {
  interval: 'positive int',
  start: 'int?',
  by_epoch: 'bool',
  save_best: 'str?',
  out_dir: 'str?',
  classwise: 'bool',
  proposal_nums: 'positive ints',
  iou_thrs: 'numbers?',
};

const VOC_METRICS = ['mAP', 'recall'];

/** @throws ConfigError for an unknown key, a value of the wrong kind, an unknown metric or metric item */
export function checkEvaluation(evaluation: Readonly<Record<string, unknown>>): void {
  const known = [...EVAL_HOOK_KEYS, ...EVALUATE_KEYS];
  for (const [key, value] of Object.entries(evaluation)) {
    if (!known.includes(key)) {
      const near = nearest(key, known);
      throw new ConfigError(`evaluation got an unexpected argument '${key}'`, {
        code: 'unknown-argument',
        path: `evaluation.${key}`,
        hint: near ? `did you mean '${near}'?` : `it takes: ${known.join(', ')}`,
      });
    }
    const wanted = key in KINDS ? unmetKind(value, KINDS[key]) : null;
    if (wanted === null) continue;
    throw new ConfigError(`evaluation.${key} must be ${wanted}, but got ${plainRepr(value)}`, {
      code: 'bad-value',
      path: `evaluation.${key}`,
    });
  }
  const { metric = 'bbox', metric_items: items } = evaluation;
  if (typeof metric === 'string' && VOC_METRICS.includes(metric)) return;
  checkCocoMetrics(namesOf(metric, 'metric'), items == null ? [] : namesOf(items, 'metric_items'));
}

function namesOf(value: unknown, key: string): string[] {
  const names: unknown[] = [value].flat();
  if (names.every((name) => typeof name === 'string')) return names;
  throw new ConfigError(`evaluation.${key} must be a name or a list of names, but got ${plainRepr(value)}`, {
    code: 'bad-value',
    path: `evaluation.${key}`,
  });
}
