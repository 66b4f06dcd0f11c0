import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors/trainerError.ts';
import { setSource } from '../lang/sourceMap.ts';
import { problemText } from '../contracts/problem.ts';
import { locateError } from './locateError.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';
import { findConfigProblems } from './problems/index.ts';
import { watchLosses } from '../run/lossWatch.ts';
import type { RunEvent } from '../contracts/runEvents.ts';

const span = { file: 'a.py', from: 0, to: 1, line: 3, column: 5, endLine: 3, endColumn: 6 };

describe('findConfigProblems', () => {
  const good = { model: {}, data: { samples_per_gpu: 2 }, optimizer: {}, workflow: [] };

  test('a config with helper variables of its own passes without a word', () => {
    const helpers = {
      base_lr: 1,
      max_epochs: 3,
      classes: [],
      data_root: '',
      dataset_type: '',
      img_norm_cfg: {},
    };
    expect(findConfigProblems({ ...good, ...helpers, lr_config: null })).toEqual([]);
  });

  test('warnings are one line each, with place and hint', () => {
    expect(findConfigProblems({ ...good, optimzer: {} }).map(problemText)).toEqual([
      "nothing reads optimzer (optimzer); did you mean 'optimizer'?",
    ]);
  });

  const bad: [object, string][] = [
    [{ lr_config: 'step' }, "lr_config must be a dict or None, but got 'step'"],
    [{ load_from: 3 }, 'load_from must be a string or None, but got 3'],
    [{ seed: '3' }, "seed must be a whole number from 0 to 4294967295 or None, but got '3'"],
    [
      { data: { samples_per_gpu: '2' } },
      "samples_per_gpu must be a whole number from 1 to 65535, but got '2'",
    ],
    [{ fp16: 'dynamic' }, "fp16 must be a dict or None, but got 'dynamic'"],
    [{ auto_resume: 2 }, 'auto_resume must be True or False or None, but got 2'],
    [{ auto_scale_lr: { enabled: true } }, 'auto_scale_lr.enabled is not a key here'],
    [{ auto_scale_lr: { base_batch_size: 0 } }, 'auto_scale_lr.base_batch_size must be a whole number'],
  ];
  test.each(bad)('%j is refused', (change, message) => {
    const [first] = findConfigProblems({ ...good, ...change });
    expect(first).toMatchObject({ severity: 'error', message: expect.stringContaining(message) });
  });
});

test('an error with a config path gets the place of its value, or of the nearest one around it', () => {
  const step = { type: 'Resize' };
  const dict = { data: { train: { pipeline: [step] } } };
  setSource(dict.data.train, 'pipeline', { span });
  expect(spanOfPath(dict, 'data.train.pipeline[0].img_scale')).toBe(span);
  expect(spanOfPath(dict, 'd/ok.json')).toBeUndefined();
  const error = new ConfigError('wrong', { code: 'bad-value', path: 'data.train.pipeline[0]', hint: 'try' });
  expect(locateError(error, dict)).toMatchObject({
    message: 'wrong',
    span,
    hint: 'try',
    name: 'ConfigError',
  });
  expect(locateError(new Error('bug'), dict)).toBeInstanceOf(Error);
});

test('the first loss that is not finite is told once, with iteration, rate and pictures', () => {
  const told: string[] = [];
  const watch = watchLosses({
    batch: () => ({ imgMetas: [{ ori_filename: 'a.jpg' }, { img_id: 7 }] }),
    onInvalid: (message) => told.push(message),
  });
  const measured = (iter: number, loss: number): RunEvent => ({
    name: 'run.measured',
    mode: 'train',
    epoch: 1,
    iter,
    values: { lr: 0.5, loss_cls: 1.25, loss },
  });
  watch(measured(2, 3));
  expect(told).toEqual([]);
  watch(measured(4, NaN));
  watch(measured(6, NaN));
  expect(told).toEqual([
    'losses must be finite, but at iteration 4 (epoch 1, lr 0.5) loss_cls is 1.250, loss is nan; pictures of this iteration: a.jpg, 7',
  ]);
});
