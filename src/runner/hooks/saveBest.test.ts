import { expect, test } from 'vitest';
import { inferRule, isUndefinedScore } from './saveBest.ts';

test.each(['bbox_mAP', 'bbox_mAP_s', 'AR@1000', 'bbox_red_car_precision'])(
  'the -1 of %s is no score, and more of it is better',
  (key) => {
    expect(isUndefinedScore(key, -1)).toBe(true);
    expect(isUndefinedScore(key, 0.5)).toBe(false);
    expect(inferRule(key, {})).toBe('greater');
  },
);

test('the -1 of a metric of their own is a score', () => {
  expect(isUndefinedScore('log_likelihood', -1)).toBe(false);
});
