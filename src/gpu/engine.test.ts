import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from './index.ts';
import { testAdapter } from './testing/adapter.ts';

beforeAll(async () => {
  const info = await testAdapter();
  expect(info.name).not.toBe('');
});
afterAll(() => {
  gpu.disposeEngine();
});

test('engine: starting twice returns the same adapter', async () => {
  expect(await gpu.initEngine()).toBe(gpu.adapterInfo());
});

test('read: returns what was uploaded, even when the caller reuses its array', async () => {
  const values = Float32Array.of(1, 2, 3);
  const t = gpu.tensor(values, [3]);
  values.fill(9);
  expect([...(await gpu.read(t))]).toEqual([1, 2, 3]);
  t.dispose();
});

test('readMany: scalars of any dtype come back in order', async () => {
  const before = gpu.memory().numTensors;
  const a = gpu.scalar(1.5);
  const b = gpu.scalar(7, 'int32');
  expect(await gpu.readMany([b, a])).toEqual([7, 1.5]);
  gpu.dispose([a, b]);
  expect(gpu.memory().numTensors).toBe(before);
});

test('valueAndGrads: frees all but loss, aux and gradients; unreached variables get null', async () => {
  const before = gpu.memory().numTensors;
  const x = gpu.tensor([1, 2, 3], [3]);
  const w = gpu.variable(x, true);
  const unused = gpu.variable(x, true);
  const { loss, aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.square(w);
    return { loss: gpu.sum(y), aux: [y] };
  }, [w, unused]);
  expect(await gpu.readMany([loss])).toEqual([14]);
  expect([...(await gpu.read(aux[0]))]).toEqual([1, 4, 9]);
  expect(grads[1]).toBeNull();
  expect([...(await gpu.read(grads[0]!))]).toEqual([2, 4, 6]);
  gpu.dispose([loss, ...aux, grads[0]!, x]);
  w.dispose();
  unused.dispose();
  expect(gpu.memory().numTensors).toBe(before);
});

test('noGrad: its result is a constant', async () => {
  const x = gpu.tensor([3], [1]);
  const w = gpu.variable(x, true);
  const out = gpu.valueAndGrads(() => {
    const frozen = gpu.noGrad(() => gpu.square(w));
    return { loss: gpu.sum(gpu.mul(frozen, w)) };
  }, [w]);
  expect([...(await gpu.read(out.grads[0]!))]).toEqual([9]);
  gpu.dispose([x, out.loss, out.grads[0]!]);
  w.dispose();
});
