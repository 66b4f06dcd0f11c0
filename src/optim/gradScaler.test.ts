import { describe, expect, test } from 'vitest';
import { memory, tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Parameter } from '../nn/index.ts';
import { GradScaler, largestGrad, scaleGrads } from './gradScaler.ts';
import { SGD } from './sgd.ts';
import { at } from '../util/at.ts';

await testAdapter();

describe('GradScaler', () => {
  test("dynamic: PyTorch's defaults, back off at once, grow after growth_interval good steps in a row", () => {
    expect(new GradScaler('dynamic').stateDict()).toEqual({
      scale: 65536,
      growth_factor: 2,
      backoff_factor: 0.5,
      growth_interval: 2000,
      _growth_tracker: 0,
    });
    const scaler = new GradScaler({ init_scale: 8, growth_interval: 3, mode: 'dynamic' });
    const scales = [false, false, true, false, false, false, false].map((foundInf) => {
      scaler.update(foundInf);
      return [scaler.scale, scaler.stateDict()._growth_tracker];
    });
    expect(scales).toEqual([
      [8, 1],
      [8, 2],
      [4, 0],
      [4, 1],
      [4, 2],
      [8, 0],
      [8, 1],
    ]);
  });

  test('a fixed scale stays; 512 by default; a scale never grows to infinity', () => {
    const fixed = new GradScaler();
    fixed.update(true);
    expect([fixed.scale, fixed.isDynamic]).toEqual([512, false]);
    const large = new GradScaler({ init_scale: 2 ** 127, growth_interval: 1 });
    large.update(false);
    expect(large.scale).toBe(2 ** 127);
    expect(new GradScaler({ enabled: false }).scale).toBe(1);
  });

  test('state comes back', () => {
    const scaler = new GradScaler('dynamic');
    scaler.update(false);
    const other = new GradScaler({ init_scale: 2 });
    other.loadStateDict(scaler.stateDict());
    expect([other.scale, other.stateDict()._growth_tracker]).toEqual([65536, 1]);
  });

  const bad: [unknown, string][] = [
    ['static', "loss_scale must be a number greater than 0 or 'dynamic' or a dict, but got 'static'"],
    [{ inital_scale: 2 }, 'loss_scale.inital_scale is not a key here'],
    [{ mode: 'fast' }, "loss_scale.mode must be 'dynamic' or 'static'"],
    [{ growth_factor: 1 }, 'loss_scale.growth_factor must be a number greater than 1, but got 1'],
    [{ backoff_factor: 1 }, 'loss_scale.backoff_factor must be a number in (0, 1), but got 1'],
    [{ growth_interval: 0 }, 'loss_scale.growth_interval must be a whole number of at least 1'],
    [-1, 'loss_scale must be a number greater than 0'],
  ];
  test.each(bad)('%j is refused', (lossScale, message) => {
    expect(() => new GradScaler(lossScale)).toThrow(message);
  });
});

test('scaleGrads and largestGrad: packed parameters and others, NaN and infinity', async () => {
  const params = [new Parameter([2]), new Parameter([3])];
  const frozen = new Parameter([1]);
  frozen.requiresGrad = false;
  const optimizer = new SGD({ params: [...params, frozen], lr: 1 });
  const set = (...values: number[][]): void => {
    optimizer.zeroGrad();
    for (const [i, v] of values.entries()) at([...params, frozen], i).grad = tensor(v, [v.length]);
  };
  set([1, -3], [0, 2, 0.5], [2.5]);
  const before = memory().numTensors;
  scaleGrads(optimizer, [...params, frozen], 4);
  expect(await largestGrad(optimizer, [...params, frozen])).toBe(12);
  set([1, 1], [NaN, 2, 3]);
  expect(await largestGrad(optimizer, params)).toBeNaN();
  set([1, 1], [1, -1e38, 3]);
  scaleGrads(optimizer, params, 16);
  expect(await largestGrad(optimizer, params)).toBe(Infinity);
  optimizer.zeroGrad();
  expect(memory().numTensors).toBeLessThanOrEqual(before + 8);
  optimizer.dispose();
});

test('a static scale that is resumed with another one: one step with the old, then its own', () => {
  const scaler = new GradScaler(512);
  scaler.loadStateDict(new GradScaler(128).stateDict());
  expect(scaler.scale).toBe(128);
  // As PyTorch's update(new_scale), which MMCV calls with the config's; also when the step was left out.
  scaler.update(true);
  expect(scaler.scale).toBe(512);
  scaler.update(false);
  expect(scaler.stateDict()).toMatchObject({ scale: 512, _growth_tracker: 0 });
});
