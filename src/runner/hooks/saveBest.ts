import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';

export const RULES = ['greater', 'less'] as const;
export type Rule = (typeof RULES)[number];

const GREATER_KEYS = [
  'acc',
  'top',
  'AR@',
  'auc',
  'precision',
  'mAP',
  'mDice',
  'mIoU',
  'mAcc',
  'aAcc',
  'bbox_mAP',
  'segm_mAP',
];
const LESS_KEYS = ['loss'];

/** @returns null for None: the metric's name decides. @throws ConfigError `unknown-rule` */
export function checkRule(rule: string | null | undefined): Rule | null {
  if (rule === undefined || rule === null) return null;
  if (rule === 'greater' || rule === 'less') return rule;
  throw new ConfigError(`rule must be 'greater', 'less' or None, but got ${plainRepr(rule)}`, {
    code: 'unknown-rule',
    path: 'evaluation.rule',
  });
}

/**
 * Whether a larger or a smaller value of a metric is better: exact names first, then parts of names, any case.
 * Source: mmcv 1.7.2 `hooks/evaluation.py` _init_rule.
 * @throws ConfigError `unknown-rule`
 * @example inferRule('bbox_mAP', {}) // 'greater'
 */
export function inferRule(
  key: string,
  options: {
    rule?: string | null;
    greaterKeys?: string | readonly string[] | null;
    lessKeys?: string | readonly string[] | null;
  },
): Rule {
  const rule = checkRule(options.rule);
  if (rule !== null) return rule;
  const name = key.toLowerCase();
  const greater = [options.greaterKeys ?? GREATER_KEYS].flat().map((k) => k.toLowerCase());
  const less = [options.lessKeys ?? LESS_KEYS].flat().map((k) => k.toLowerCase());
  if (greater.includes(name)) return 'greater';
  if (less.includes(name)) return 'less';
  if (greater.some((k) => name.includes(k))) return 'greater';
  if (less.some((k) => name.includes(k))) return 'less';
  throw new ConfigError(`cannot infer whether a larger ${key} is better`, {
    code: 'unknown-rule',
    path: 'evaluation.save_best',
    hint: "set evaluation.rule = 'greater' or 'less'",
  });
}

/** True for the -1 that COCO's evaluation gives where there is no ground truth: no score, though above -inf. */
export function isUndefinedScore(key: string, score: number): boolean {
  return score === -1 && /mAP|AR(?:_[sml])?@|_precision$/.test(key);
}
