import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DeviceError } from '../errors/index.ts';
import { handleOrThrow } from './device/handle.ts';
import * as gpu from './index.ts';
import { testAdapter } from './testing/adapter.ts';
import { at } from '../util/at.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

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

test('read: what was read and dropped is let go', async () => {
  const t = gpu.ones([1024]);
  const seen: WeakRef<ArrayBufferLike>[] = [];
  for (let i = 0; i < 10; i++) seen.push(new WeakRef((await gpu.read(t)).buffer));
  // A turn of its own: what was read in this one may still be on the stack.
  await new Promise((resolve) => setTimeout(resolve, 0));
  collectGarbage();
  expect(seen.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  expect(handleOrThrow().waits.size).toBe(0);
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
  expect([...(await gpu.read(at(aux, 0)))]).toEqual([1, 4, 9]);
  expect(grads[1]).toBeNull();
  expect([...(await gpu.read(grads[0]!))]).toEqual([2, 4, 6]);
  gpu.dispose([loss, ...aux, grads[0]!, x]);
  w.dispose();
  unused.dispose();
  expect(gpu.memory().numTensors).toBe(before);
});

test('valueAndGrads: an error inside leaves nothing behind', () => {
  const w = gpu.variable(gpu.ones([3]));
  const before = gpu.memory().numTensors;
  const fail = (): never => {
    gpu.square(gpu.mul(w, w));
    throw new Error('inside');
  };
  expect(() => gpu.valueAndGrads(fail, [w])).toThrow('inside');
  expect(gpu.memory().numTensors).toBe(before);
  const { grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(w) }), [w]);
  expect(grads[0]).not.toBeNull();
});

test('trimMemory: gives unused buffers back, and tensors live on', async () => {
  const t = gpu.square(gpu.fill([1000], 2));
  const large = gpu.square(gpu.fill([250_000], 3));
  await gpu.onIdle();
  large.dispose();
  gpu.flush();
  const before = gpu.memory().numBytesInGpu;
  const freed = gpu.trimMemory();
  expect(freed).toBeGreaterThanOrEqual(1_000_000);
  expect(gpu.memory().numBytesInGpu).toBe(before - freed);
  expect((await gpu.read(gpu.add(t, 1)))[999]).toBe(5);
});

test('out of memory: the error event becomes plain words at the next wait', async () => {
  const { device } = handleOrThrow();
  const error = new GPUOutOfMemoryError('tried to allocate 9 GB');
  device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
  await expect(gpu.onIdle()).rejects.toMatchObject({
    code: 'out-of-memory',
    message: 'the GPU has too little memory for this run (tried to allocate 9 GB)',
  });
  await gpu.initEngine();
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

test('a tensor beyond the device limits is refused by name', () => {
  const { maxStorageBindingBytes, maxBufferBytes } = gpu.adapterInfo().limits;
  const size = Math.min(maxStorageBindingBytes, maxBufferBytes) / 4 + 1;
  const small = gpu.ones([4]);
  expect(() => gpu.upsampleNearest2d(gpu.reshape(small, [1, 2, 2, 1]), [1, size])).toThrow(
    expect.objectContaining({ code: 'out-of-memory', message: expect.stringContaining('at most') }),
  );
});

test('a lost device: waiting calls reject, onLost is told once, and a new engine starts', async () => {
  gpu.disposeEngine();
  const onLost = vi.fn<(error: DeviceError) => void>();
  await gpu.initEngine({ onLost });
  const t = gpu.square(gpu.ones([64]));
  handleOrThrow().device.destroy();
  await expect(gpu.read(t)).rejects.toMatchObject({ code: 'device-lost', name: 'DeviceError' });
  expect(onLost).toHaveBeenCalledTimes(1);
  expect(() => gpu.checkDevice()).toThrow(DeviceError);
  await expect(gpu.onIdle()).rejects.toMatchObject({ code: 'device-lost' });
  await gpu.initEngine();
  expect([...(await gpu.read(gpu.square(gpu.fill([2], 3))))]).toEqual([9, 9]);
});

test('errors of the GPU reach the next wait', async () => {
  const { device } = handleOrThrow();
  device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  await expect(gpu.onIdle().then(() => gpu.onIdle())).rejects.toMatchObject({
    code: 'gpu-error',
    message: expect.stringContaining('refused'),
  });
  await gpu.initEngine();
});

test('missing WebGPU and missing adapters are told in plain words', async () => {
  gpu.disposeEngine();
  const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
  await expect(gpu.initEngine({ gpu: none })).rejects.toMatchObject({ code: 'no-adapter' });
  const real = Object.getOwnPropertyDescriptor(navigator, 'gpu');
  Object.defineProperty(navigator, 'gpu', { value: undefined, configurable: true });
  await expect(gpu.initEngine()).rejects.toMatchObject({ code: 'webgpu-missing' });
  if (real) Object.defineProperty(navigator, 'gpu', real);
  expect(() => gpu.adapterInfo()).toThrow('has not been started');
  await gpu.initEngine();
});
