import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { FloatBuffer, IntBuffer, Module, Parameter } from '../nn/index.ts';
import { Adam, Optimizer, SGD } from '../optim/index.ts';
import { describeBudget, memoryBudget } from './memoryBudget.ts';
import { at } from '../util/at.ts';

class Net extends Module {
  readonly weight = this.addParameter('weight', new Parameter([1000]));
  readonly frozen = this.addParameter('frozen', new Parameter([500]));
  readonly mean = this.addBuffer('running_mean', new FloatBuffer([100]));
  readonly count = this.addBuffer('num_batches_tracked', new IntBuffer());
  constructor() {
    super();
    this.frozen.requiresGrad = false;
  }
}

/** As a person writes one. */
class Own extends Optimizer {
  override step(): void {
    for (const param of at(this.paramGroups, 0).params)
      if (param.requiresGrad) this.stateTensor(param, 'mine');
  }
}

const PLAN = { slots: 1e6, inputs: 2e5, constants: 1e3 };

test('parameters count without an optimizer too, and those that it leaves out', () => {
  const model = new Net();
  const told = { parameters: 6000, gradients: 4000, buffers: 400, optimizerState: 0, hooks: 0 };
  expect(memoryBudget(PLAN, { model, optimizer: null, hooks: [] })).toEqual({
    ...told,
    activations: 1.001e6,
    inputs: 2e5,
    total: 1.2114e6,
  });
  const optimizer = new SGD({ params: [model.weight], lr: 0.1, momentum: 0.9 });
  expect(memoryBudget(PLAN, { model, optimizer, hooks: [] })).toMatchObject({
    ...told,
    optimizerState: 4000,
  });
  const adam = new Adam({ params: model.parameters(), lr: 0.1, amsgrad: true });
  expect(memoryBudget(PLAN, { model, optimizer: adam, hooks: [] }).optimizerState).toBe(12_000);
});

test('a state that nobody knows is said to be unknown, until it is there', async () => {
  await testAdapter();
  const model = new Net();
  const optimizer = new Own(model.parameters(), { lr: 0.1 });
  const before = memoryBudget(PLAN, { model, optimizer, hooks: [] });
  expect(describeBudget(before)).toBe(
    'GPU memory: parameters 6.0 kB, gradients 4.0 kB, optimizer state not known yet, norm statistics and averages 400 B, activations 1.0 MB, pictures and targets 200 kB; at least 1.2 MB in all',
  );
  optimizer.step();
  expect(memoryBudget(PLAN, { model, optimizer, hooks: [] }).optimizerState).toBe(4000);
  optimizer.dispose();
});
