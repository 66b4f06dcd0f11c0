import { describe, expect, test } from 'vitest';
import { Tuple } from '../../util/tuple.ts';
import { EvalHook, type EvalHookArgs, type Evaluator } from './evaluation.ts';

const evaluator: Evaluator = {
  length: 1,
  evaluate: () => Promise.resolve({ metrics: {}, perClass: [], predictions: [] }),
};
const build = (args: Readonly<Record<string, unknown>>): EvalHook =>
  new EvalHook(evaluator, args as EvalHookArgs, {});

describe('EvalHook refuses while it is built', () => {
  test.each<[Record<string, unknown>, string, string]>([
    [{ interval: '1' }, 'interval', "interval must be a number greater than 0, but got '1'"],
    [{ interval: 0 }, 'interval', 'interval must be a number greater than 0, but got 0'],
    [{ start: 'x' }, 'start', "start must be a whole number of at least 0 or None, but got 'x'"],
    [{ start: -1 }, 'start', 'start must be a whole number of at least 0 or None, but got -1'],
    [{ byEpoch: 1 }, 'by_epoch', 'by_epoch must be True or False, but got 1'],
    [{ saveBest: true }, 'save_best', 'save_best must be a string or None, but got True'],
    [
      { saveBest: 'auto', rule: 'bigger' },
      'rule',
      "rule must be 'greater', 'less' or None, but got 'bigger'",
    ],
    [{ saveBest: 'mAP', rule: 'bigger' }, 'rule', "rule must be 'greater', 'less' or None, but got 'bigger'"],
    [
      { greaterKeys: [1] },
      'greater_keys',
      'greater_keys must be a string or a list or tuple of strings or None',
    ],
    [{ lessKeys: 3 }, 'less_keys', 'less_keys must be a string or a list or tuple of strings or None'],
    [{ outDir: 3 }, 'out_dir', 'out_dir must be a string or None, but got 3'],
    [{ dynamicIntervals: 3 }, 'dynamic_intervals', 'dynamic_intervals must be a list of tuples of two whole'],
    [{ dynamicIntervals: [[3, 1]] }, 'dynamic_intervals', 'dynamic_intervals must be a list of tuples'],
  ])('%j', (args, key, message) => {
    expect(() => build(args)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        path: `evaluation.${key}`,
        isInputError: true,
      }),
    );
  });

  test('but not what MMCV takes', () => {
    build({ start: null, saveBest: null, rule: null, greaterKeys: null, lessKeys: null, outDir: null });
    build({ dynamicIntervals: [Tuple.of(3, 1), Tuple.of(5, 2)] });
    // Without save_best nothing asks for the rule.
    build({ rule: 'bigger' });
  });
});
