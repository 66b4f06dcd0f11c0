import { describe, expect, test } from 'vitest';
import type { PlainDict } from '../lang/plain.ts';
import { Tuple } from '../util/tuple.ts';
import { compatCfg } from './compatCfg.ts';
import { replaceCfgVals } from './replaceCfgVals.ts';

const RUNNER = { type: 'EpochBasedRunner', max_epochs: 1 };
const dataOf = (data: PlainDict): unknown => compatCfg({ runner: RUNNER, data }).dict.data;

describe('compatCfg', () => {
  test.each<[string, unknown[], number]>([
    ['the largest', [{ samples_per_gpu: 2 }, { samples_per_gpu: 3 }], 3],
    ['1 where no dataset says it', [{}, {}], 1],
    ['1, which a dataset without it has', [{ samples_per_gpu: 0 }, {}], 1],
  ])('a list of test datasets sets the samples of their loader: %s', (_, test_, size) => {
    expect(dataOf({ test: test_, test_dataloader: {} })).toMatchObject({
      test: test_.map(() => ({})),
      test_dataloader: { samples_per_gpu: size },
    });
  });

  test('a list of test datasets that say nothing wins over the loader; with one that does both are refused', () => {
    const test_dataloader = { samples_per_gpu: 4 };
    expect(dataOf({ test: [{}], test_dataloader })).toMatchObject({
      test_dataloader: { samples_per_gpu: 1 },
    });
    expect(() => dataOf({ test: [{ samples_per_gpu: 2 }], test_dataloader })).toThrow('must not both be set');
    expect(() => dataOf({ test: [] })).toThrow('data.test must have at least one dataset');
    expect(() => dataOf({ test: [{}, { samples_per_gpu: '2' }] })).toThrow(
      expect.objectContaining({
        message: 'samples_per_gpu must be a number, but got a str',
        path: 'data.test[1].samples_per_gpu',
      }),
    );
  });

  test('workers_per_gpu wins over the loaders', () => {
    expect(dataOf({ workers_per_gpu: 2, train_dataloader: { workers_per_gpu: 5 } })).toEqual({
      train_dataloader: { workers_per_gpu: 2 },
      val_dataloader: { workers_per_gpu: 2 },
      test_dataloader: { workers_per_gpu: 2 },
    });
  });

  test('a config that does not say how long to train is refused', () => {
    expect(() => compatCfg({ data: {} })).toThrow(
      expect.objectContaining({
        code: 'missing-runner',
        path: 'runner',
        message: 'runner must be a dict that says how long to train, but the config has none',
      }),
    );
    expect(compatCfg({ data: {}, runner: RUNNER }).dict.runner).toEqual(RUNNER);
  });
});

describe('replaceCfgVals', () => {
  test('model_wrapper = None is no wrapper', () => {
    const config = { model: { type: 'A' }, model_wrapper: null };
    expect(replaceCfgVals(config)).toEqual(config);
  });

  test.each<[unknown, string]>([
    [{ b: 1 }, 'dict'],
    [[1], 'list'],
    [Tuple.of(1), 'tuple'],
  ])('%j is refused inside longer text', (a, kind) => {
    expect(() => replaceCfgVals({ a, b: 'x${a}' })).toThrow(
      `'\${a}' inside longer text must be a plain value, but it is a ${kind}`,
    );
    expect(replaceCfgVals({ a, b: '${a}' }).b).toEqual(a);
  });

  test('the places of a text are replaced one after the other', () => {
    expect(replaceCfgVals({ a: '${b}', b: '$&', text: '${a}-${b}-${a}' }).text).toBe('$&-$&-$&');
    expect(replaceCfgVals({ a: 'x', b: '${a}', text: '${a}-${b}' }).text).toBe('x-${a}');
  });
});
