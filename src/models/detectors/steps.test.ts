// When a detector's compiled steps are looked at again, and what becomes of gradients that somebody keeps.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { add, disposeEngine, dispose, mean, mul, onIdle, read, type Tensor } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { Module, Parameter } from '../../nn/index.ts';
import { Adam } from '../../optim/index.ts';
import { BaseDetector } from './baseDetector.ts';
import type { TrainBatch } from './batch.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => disposeEngine());

class Head extends Module {
  /** A flag as YOLOX's `use_l1`. */
  factor = 2;
  readonly weight = this.addParameter('weight', new Parameter([1], 'plain', 3));
}

/** loss = factor * weight * mean(image) */
class Scale extends BaseDetector {
  readonly head = this.addModule('head', new Head());

  protected override forwardTrain(img: Tensor): Map<string, Tensor> {
    counter.recordings += 1;
    return new Map([['loss', mul(mul(mean(img), this.head.weight.variable), this.head.factor)]]);
  }

  protected override forwardTest(): readonly Tensor[] {
    return [];
  }

  override simpleTest(): Promise<never> {
    return Promise.reject(new Error('not used'));
  }
}

const counter = { recordings: 0 };

const batch = (pixel: number): TrainBatch => ({
  img: new Float32Array(12).fill(pixel),
  shape: [1, 2, 2, 3],
  imgMetas: [{ img_shape: [2, 2, 3], pad_shape: [2, 2, 3], ori_shape: [2, 2, 3], scale_factor: 1 }],
  gtBboxes: [],
  gtLabels: [],
});

async function gradOf(model: Scale, pixel: number): Promise<number> {
  const { logVars, grads } = model.trainStep(batch(pixel));
  const grad = grads?.get(model.head.weight);
  if (!grad) throw new Error('no gradient');
  const [value] = await read(grad);
  dispose([logVars.values, grad]);
  return value;
}

test('a step is recorded twice, then only where something may have changed', async () => {
  const model = new Scale();
  counter.recordings = 0;
  for (let i = 1; i <= 4; i++) {
    // As an IterBasedRunner does at each iteration.
    model.train();
    expect(await gradOf(model, i)).toBe(2 * i);
  }
  expect(counter.recordings).toBe(2);
  model.head.factor = 5;
  expect(await gradOf(model, 3)).toBe(15);
  expect(await gradOf(model, 4)).toBe(20);
  expect(counter.recordings).toBe(3);
  model.recheckSteps();
  expect(await gradOf(model, 4)).toBe(20);
  expect(counter.recordings).toBe(4);
  model.dispose();
});

test('a gradient that stays in parameter.grad survives the next step', async () => {
  const model = new Scale();
  const { weight } = model.head;
  const optimizer = new Adam({ params: [weight], lr: 0.1 });
  optimizer.prepare();
  for (let i = 1; i <= 3; i++) {
    const { logVars, grads } = model.trainStep(batch(i));
    dispose(logVars.values);
    const grad = grads?.get(weight);
    if (i === 1) weight.grad = grad ?? null;
    else dispose(grad ?? []);
    expect([...(weight.grad ? await read(weight.grad) : [])]).toEqual([2]);
  }
  optimizer.zeroGrad();
  optimizer.dispose();
  model.dispose();
});

/** The gradient of `first` is also a term of that of `second`. */
class Shared extends BaseDetector {
  readonly first = this.addParameter('first', new Parameter([4], 'plain', 1));
  readonly second = this.addParameter('second', new Parameter([4], 'plain', 2));

  protected override forwardTrain(img: Tensor): Map<string, Tensor> {
    const sum = add(this.first.variable, this.second.variable);
    const loss = add(mean(mul(sum, mean(img))), mean(mul(this.second.variable, this.second.variable)));
    return new Map([['loss', loss]]);
  }

  protected override forwardTest(): readonly Tensor[] {
    return [];
  }

  override simpleTest(): Promise<never> {
    return Promise.reject(new Error('not used'));
  }
}

test('gradients that are made of one another', async () => {
  const model = new Shared();
  const optimizer = new Adam({ params: model.parameters(), lr: 0.1 });
  optimizer.prepare();
  for (let i = 1; i <= 2; i++) {
    const { logVars, grads } = model.trainStep(batch(i));
    const values = await Promise.all([...(grads?.values() ?? [])].map((grad) => read(grad)));
    await onIdle();
    expect(values.map(([v]) => v)).toEqual([0.25 * i, 0.25 * i + 1]);
    dispose([logVars.values, ...(grads?.values() ?? [])]);
  }
  optimizer.dispose();
  model.dispose();
});
