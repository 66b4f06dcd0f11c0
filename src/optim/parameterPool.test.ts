import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dispose,
  endProfile,
  memory,
  onIdle,
  read,
  startProfile,
  tensor,
  type Tensor,
} from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { smallBindings } from '../gpu/testing/smallBindings.ts';
import { Parameter } from '../nn/index.ts';
import { Rng } from '../util/prng.ts';
import { Adam } from './adam.ts';
import { clipGradNorm, clipGradNormReference } from './gradClip.ts';
import { accumulateGrads, gradSums, takeGradSums } from './gradSums.ts';
import type { GroupInput } from './paramGroup.ts';
import { RMSprop } from './rmsprop.ts';
import { SGD } from './sgd.ts';
import { at, take } from '../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});

/** Sizes around those of blocks and vectors. */
const SIZES = [1, 3, 4, 63, 64, 65, 130];

function random(rng: Rng, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => rng.normal());
}

function makeParameters(sizes: readonly number[] = SIZES): Parameter[] {
  const rng = new Rng(1);
  return sizes.map((size) => {
    const parameter = new Parameter([size]);
    parameter.fromTorch(random(rng, size));
    return parameter;
  });
}

function gradsOf(parameters: readonly Parameter[], step: number): Tensor[] {
  const rng = Rng.derive(2, step);
  return parameters.map(({ size }) => tensor(random(rng, size), [size]));
}

async function valuesOf(parameters: readonly Parameter[]): Promise<Float32Array[]> {
  return Promise.all(parameters.map((p) => p.toTorch()));
}

/** Dispatches of what `f` does. */
async function dispatchesOf(f: () => void): Promise<number> {
  await onIdle();
  startProfile();
  f();
  await onIdle();
  const rows = await endProfile();
  return rows.reduce((sum, { dispatches }) => sum + dispatches, 0);
}

/** Tests on parameters in one buffer, and in as many as a device needs that binds eight blocks of 64 numbers at once. */
function describeBoth(name: string, tests: () => void): void {
  describe.each([
    ['one buffer', Infinity],
    ['several buffers', 2048],
  ] as const)(`${name}, in %s`, (_, maxBytes) => {
    let end = (): void => undefined;
    beforeAll(() => {
      if (maxBytes < Infinity) end = smallBindings(maxBytes);
    });
    afterAll(() => {
      end();
    });
    tests();
  });
}

/** Clip the gradients of step n, and update. */
function clippedStep(parameters: readonly Parameter[], optimizer: Adam, n: number): void {
  gradsOf(parameters, n).forEach((grad, i) => (at(parameters, i).grad = grad));
  clipGradNorm(parameters, { maxNorm: 1 }, optimizer.pool)?.dispose();
  optimizer.step();
  optimizer.zeroGrad();
}

describe('dispatches', () => {
  test('500 tensors with clipping take at most 6 dispatches, several groups too', async () => {
    const parameters = makeParameters(Array.from({ length: 500 }, (_, i) => 1 + ((i * 37) % 900)));
    const groups = parameters.map((p, i) => ({ params: [p], lr: 1e-3 * (1 + i), weight_decay: i % 2 }));
    const optimizer = new Adam({ params: groups });
    const step = (n: number): void => clippedStep(parameters, optimizer, n);
    optimizer.prepare();
    step(0);
    expect(await dispatchesOf(() => step(1))).toBeLessThanOrEqual(6);
    optimizer.dispose();
  });

  test('parameters beyond what can be bound at once take one more dispatch for each further buffer', async () => {
    const end = smallBindings(64 * 1024);
    const parameters = makeParameters(Array.from({ length: 50 }, (_, i) => 1 + ((i * 37) % 900)));
    const optimizer = new Adam({ params: parameters });
    const step = (n: number): void => clippedStep(parameters, optimizer, n);
    optimizer.prepare();
    expect(optimizer.pool?.parameters).toEqual(parameters);
    const buffers = optimizer.pool?.values.chunks.length ?? 0;
    expect(buffers).toBe(2);
    step(0);
    // Sums of squares, scaling and update of each, and the norm.
    expect(await dispatchesOf(() => step(1))).toBe(3 * buffers + 1);
    optimizer.dispose();
    end();
  });
});

describeBoth('packed parameters', () => {
  test.each<[string, (params: GroupInput[]) => Adam | SGD | RMSprop]>([
    ['Adam', (params) => new Adam({ params, amsgrad: true, weightDecay: 0.1 })],
    ['SGD', (params) => new SGD({ params, lr: 0.1, momentum: 0.9, nesterov: true })],
    ['RMSprop', (params) => new RMSprop({ params, centered: true, momentum: 0.9 })],
  ])('%s: the same bits as tensor by tensor, with groups and gradients that come and go', async (_, make) => {
    const run = async (isPacked: boolean): Promise<Float32Array[]> => {
      const parameters = makeParameters();
      const groups = parameters.map((p, i) => ({ params: [p], lr: 0.01 * (1 + (i % 3)) }));
      // What another optimizer has packed is left where it is.
      const other = new SGD({ params: parameters, lr: 1 });
      if (!isPacked) other.prepare();
      const optimizer = make(groups);
      for (let step = 0; step < 4; step++) {
        gradsOf(parameters, step).forEach((grad, i) => {
          if ((i + step) % 3 === 0) dispose(grad);
          else at(parameters, i).grad = grad;
        });
        at(optimizer.paramGroups, 1).lr *= 0.5;
        optimizer.step();
        optimizer.zeroGrad();
      }
      expect(optimizer.pool !== null).toBe(isPacked);
      const state = await optimizer.stateDict();
      const values = await valuesOf(parameters);
      for (const entries of state.state.values())
        for (const value of entries.values())
          if (typeof value === 'object' && value !== null && 'data' in value)
            values.push(Float32Array.from(value.data as ArrayLike<number>));
      optimizer.dispose();
      other.dispose();
      return values;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('a gradient that is in its slot already counts without a copy', async () => {
    const [inSlot, elsewhere] = [makeParameters(), makeParameters()];
    const optimizers = [inSlot, elsewhere].map((params) => new Adam({ params }));
    at(optimizers, 0).prepare();
    for (let step = 0; step < 2; step++) {
      gradsOf(inSlot, step).forEach((grad, i) => {
        at(elsewhere, i).grad = grad;
        at(inSlot, i).grad = grad;
      });
      // What the compiled step does: it writes the slots, and hands them out.
      at(optimizers, 0).pool?.copyGrads();
      for (const p of inSlot) p.grad = p.gradSlot;
      for (const optimizer of optimizers) optimizer.step();
      for (const optimizer of optimizers) optimizer.zeroGrad();
    }
    expect(await valuesOf(inSlot)).toEqual(await valuesOf(elsewhere));
    for (const optimizer of optimizers) optimizer.dispose();
  });

  test('frozen parameters, those of another pool and those listed twice are not packed', () => {
    const [frozen, taken, twice, plain] = take(makeParameters([5, 5, 5, 5]), 4);
    frozen.requiresGrad = false;
    const other = new SGD({ params: [taken], lr: 1 });
    other.prepare();
    const optimizer = new SGD({ params: [frozen, taken, twice, twice, plain], lr: 1 });
    optimizer.prepare();
    expect(optimizer.pool?.parameters).toEqual([plain]);
    optimizer.dispose();
    other.dispose();
    expect(taken.gradSlot).toBeNull();
  });

  test('loading weights and state between steps goes into the arenas', async () => {
    const parameters = makeParameters();
    const optimizer = new Adam({ params: parameters });
    const step = (n: number): void => {
      gradsOf(parameters, n).forEach((grad, i) => (at(parameters, i).grad = grad));
      optimizer.step();
      optimizer.zeroGrad();
    };
    step(0);
    const [weights, state] = [await valuesOf(parameters), await optimizer.stateDict()];
    step(1);
    const after = await valuesOf(parameters);
    step(2);
    parameters.forEach((p, i) => p.fromTorch(at(weights, i)));
    optimizer.loadStateDict(state);
    step(1);
    expect(await valuesOf(parameters)).toEqual(after);
    optimizer.dispose();
  });

  test('after 1,000 steps tensors and bytes are where they were after 10', async () => {
    const parameters = makeParameters([64, 65, 3]);
    const before = memory().numTensors;
    const optimizer = new Adam({ params: parameters });
    const grads = gradsOf(parameters, 0);
    const run = async (steps: number): Promise<unknown> => {
      for (let i = 0; i < steps; i++) {
        parameters.forEach((p, k) => (p.grad = at(grads, k).clone()));
        optimizer.prepare();
        clipGradNorm(parameters, { maxNorm: 1 + i }, optimizer.pool)?.dispose();
        optimizer.step();
        optimizer.zeroGrad();
      }
      await onIdle();
      const { numTensors, numBytesInGpu } = memory();
      return { numTensors, numBytesInGpu };
    };
    const early = await run(10);
    expect(await run(990)).toEqual(early);
    optimizer.dispose();
    dispose(grads);
    // The parameters themselves were uploaded meanwhile.
    expect(memory().numTensors).toBe(before + parameters.length);
  });
});

describeBoth('clipping', () => {
  test.each([1, 2, 3, Infinity])(
    'norm of order %d: as the specification, missing gradients apart',
    async (normType) => {
      const parameters = makeParameters();
      const optimizer = new SGD({ params: parameters, lr: 1 });
      optimizer.prepare();
      for (let step = 0; step < 3; step++) {
        const grads = gradsOf(parameters, step);
        parameters.forEach((p, i) => (p.grad = i === step ? null : at(grads, i)));
        const wanted = clipGradNormReference(
          await Promise.all(parameters.map(({ grad }) => grad && read(grad))),
          { maxNorm: 0.5, normType },
          Math.fround,
        );
        dispose(grads[step]);
        const norm = clipGradNorm(parameters, { maxNorm: 0.5, normType }, optimizer.pool);
        if (!norm) throw new Error('no norm');
        expect(at(await read(norm), 0) / wanted.totalNorm).toBeCloseTo(1, 5);
        norm.dispose();
        for (const [i, { grad }] of parameters.entries()) {
          const got = grad && (await read(grad));
          wanted.clipped[i]?.forEach((value, k) => expect(got?.[k]).toBeCloseTo(value, 5));
        }
        optimizer.zeroGrad();
      }
      optimizer.dispose();
    },
  );

  test('a NaN in one step says nothing about the next one', async () => {
    const parameters = makeParameters();
    const optimizer = new SGD({ params: parameters, lr: 0 });
    optimizer.prepare();
    const normOf = async (grads: readonly Tensor[]): Promise<number> => {
      parameters.forEach((p, i) => (p.grad = at(grads, i)));
      const norm = clipGradNorm(parameters, { maxNorm: 1 }, optimizer.pool);
      if (!norm) throw new Error('no norm');
      const [value] = take(await read(norm), 1);
      norm.dispose();
      return value;
    };
    expect(await normOf(SIZES.map((size) => tensor(new Float32Array(size).fill(NaN), [size])))).toBeNaN();
    optimizer.zeroGrad();
    expect(await normOf(SIZES.map((size) => tensor(new Float32Array(size).fill(1), [size])))).toBeCloseTo(
      Math.sqrt(SIZES.reduce((a, b) => a + b)),
      4,
    );
    optimizer.zeroGrad();
    optimizer.dispose();
  });

  test('a part of the pool is clipped alone', async () => {
    const parameters = makeParameters([3, 4]);
    const optimizer = new SGD({ params: parameters, lr: 1 });
    optimizer.prepare();
    parameters.forEach((p) => (p.grad = tensor(new Float32Array(p.size).fill(2), [p.size])));
    clipGradNorm([at(parameters, 1)], { maxNorm: 1 }, optimizer.pool)?.dispose();
    // 2 / |(2, 2, 2, 2)| = 0.5
    const [first, second] = await Promise.all(parameters.map(({ grad }) => grad && read(grad)));
    expect([...(first ?? [])]).toEqual([2, 2, 2]);
    second?.forEach((value) => expect(value).toBeCloseTo(0.5, 5));
    optimizer.zeroGrad();
    optimizer.dispose();
  });
});

describeBoth('sums of gradients', () => {
  test('are kept apart from the slots, begin anew after a step, and know who took part', async () => {
    const parameters = makeParameters([2, 70]);
    const optimizer = new SGD({ params: parameters, lr: 1 });
    const add = (values: readonly (number | null)[]): void => {
      const grads = new Map<Parameter, Tensor>();
      parameters.forEach((p, i) => {
        const value = at(values, i);
        if (value !== null) grads.set(p, tensor(new Float32Array(p.size).fill(value), [p.size]));
      });
      accumulateGrads(optimizer, grads, 0.5);
    };
    const read0 = async (pairs: readonly (readonly [Parameter, Tensor])[]): Promise<number[]> =>
      Promise.all(pairs.map(async ([, sum]) => (await read(sum)).at(-1) ?? NaN));
    add([2, null]);
    expect(await read0(gradSums(optimizer))).toEqual([1]);
    add([4, 6]);
    expect(await read0(gradSums(optimizer))).toEqual([3, 3]);
    expect(takeGradSums(optimizer)).toEqual(parameters);
    expect(await read0(parameters.map((p) => [p, p.grad ?? p.variable]))).toEqual([3, 3]);
    optimizer.zeroGrad();
    add([null, 8]);
    expect(takeGradSums(optimizer)).toEqual([parameters[1]]);
    expect(await read0(parameters.slice(1).map((p) => [p, p.grad ?? p.variable]))).toEqual([4]);
    optimizer.zeroGrad();
    optimizer.dispose();
  });
});
