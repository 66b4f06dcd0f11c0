import { afterAll, expect, test } from 'vitest';
import {
  add,
  assign,
  dispose,
  endProfile,
  matMul,
  mean,
  memory,
  mul,
  onIdle,
  read,
  reshape,
  square,
  startProfile,
  sub,
  tensor,
  valueAndGrads,
  type Tensor,
} from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { FloatBuffer, Module, Parameter } from '../../nn/index.ts';
import { LBFGS, Optimizer, SGD } from '../../optim/index.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from '../runnerTypes.ts';
import { EpochBasedRunner } from '../epochBasedRunner.ts';
import { createLogger } from '../logger.ts';
import { EMAHook } from './ema.ts';
import { ExpMomentumEMAHook } from './expMomentumEma.ts';
import type { Hook } from './hook.ts';
import { OptimizerHook } from './optimizer.ts';
import { at } from '../../util/at.ts';

await testAdapter();

/** y = x w + b; loss = mean((y - x v)^2) for a fixed v: its minimum is 0. */
class Line extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1, 2], 'linear'));
  readonly bias = this.addParameter('bias', new Parameter([1]));
  readonly frozen = this.addParameter('frozen', new Parameter([3], 'plain', 2));
  readonly seen = this.addBuffer('seen', new FloatBuffer([2], 1));
  steps = 0;

  constructor() {
    super();
    this.frozen.requiresGrad = false;
  }

  trainStep(batch: never): StepOutputs {
    this.steps += 1;
    const shift = Number(batch);
    const trained = [this.weight, this.bias];
    const { loss, grads } = valueAndGrads(
      () => {
        const x = tensor([1, 2, 3, -1, 0.5, 0.5 + shift], [3, 2]);
        const y = add(matMul(x, this.weight.variable), this.bias.variable);
        return { loss: mean(square(sub(y, matMul(x, tensor([3, -2], [2, 1]))))) };
      },
      trained.map((p) => p.variable),
    );
    const byParameter = new Map<Parameter, Tensor>();
    trained.forEach((parameter, i) => {
      const grad = grads[i];
      if (grad) byParameter.set(parameter, grad);
    });
    const values = reshape(loss, [1]);
    dispose(loss);
    return { logVars: { names: ['loss'], values }, numSamples: 3, grads: byParameter };
  }

  valStep(batch: never): StepOutputs {
    return this.trainStep(batch);
  }
}

const loader: BatchLoader = {
  length: 3,
  async *epoch(_, start = 0) {
    for (let i = start; i < 3; i++) yield 0.1 * i;
  },
};

async function train(
  model: Line,
  optimizer: Optimizer,
  hooks: readonly Hook[],
  batches: BatchLoader = loader,
  errors: string[] = [],
): Promise<EpochBasedRunner> {
  const fs = createMemoryFs();
  const runner = new EpochBasedRunner({
    model,
    optimizer,
    fs,
    workDir: 'w',
    timestamp: 't',
    logger: createLogger(fs, 'w/t.log', (event) => {
      if (event.name === 'run.logged' && event.line.includes(' - ERROR - ')) errors.push(event.line);
    }),
    maxEpochs: 2,
  });
  for (const hook of hooks) runner.registerHook(hook);
  await runner.run([batches], [['train', 1]]);
  return runner;
}

const models: Module[] = [];
afterAll(() => models.forEach((model) => model.dispose()));

test('LBFGS: the closure runs the model on the current batch again, and the run leaves no tensors', async () => {
  const model = new Line();
  for (const item of [model.weight, model.bias]) expect(item.variable.size).toBe(item.size);
  const before = memory().numTensors;
  const params = [model.weight, model.bias];
  const optimizer = new LBFGS({ params, maxIter: 4, lineSearchFn: 'strong_wolfe' });
  const runner = await train(model, optimizer, [new OptimizerHook()]);
  // 6 iterations, each with several evaluations; the first is the iteration's own.
  expect(model.steps).toBeGreaterThan(12);
  await runner.logBuffer.resolve();
  runner.logBuffer.average();
  const values = await read(model.weight.variable);
  expect(values[0]).toBeCloseTo(3, 2);
  expect(values[1]).toBeCloseTo(-2, 2);
  optimizer.dispose();
  runner.logBuffer.clear();
  expect(memory().numTensors).toBe(before);
  models.push(model);
});

test('error_if_nonfinite: a NaN norm ends the run before it reaches the weights', async () => {
  const model = new Line();
  const optimizer = new SGD({ params: [model.weight, model.bias], lr: 0.01 });
  const bad: BatchLoader = {
    length: 1,
    async *epoch() {
      yield NaN;
    },
  };
  const hook = new OptimizerHook({ gradClip: { max_norm: 1, error_if_nonfinite: true } });
  await expect(train(model, optimizer, [hook], bad)).rejects.toMatchObject({ code: 'nonfinite-gradient' });
  expect(await model.weight.toTorch()).toEqual(Float32Array.of(0, 0));
  await train(model, optimizer, [hook]);
  expect((await model.weight.toTorch())[0]).toBeGreaterThan(0);
  optimizer.zeroGrad();
  optimizer.dispose();
  models.push(model);
});

/** SGD in plain tensor operations, waiting in the middle of its step as one that looks at its numbers would. */
class Waiting extends Optimizer {
  readonly seen: number[] = [];
  constructor(params: Parameter[]) {
    super(params, { lr: 0.01 });
  }
  override async step(): Promise<void> {
    for (const { params, lr } of this.paramGroups)
      for (const param of params) {
        if (!param.grad) continue;
        const scaled = mul(param.grad, lr);
        this.seen.push(at(await read(param.grad), 0));
        // Made after a wait: freed all the same.
        assign(param.variable, sub(param.variable, mul(scaled, 1)));
        assign(this.stateTensor(param, 'last'), scaled);
      }
  }
}

test('an asynchronous step is waited for: its gradients are there to the end, and what it made is freed', async () => {
  const [model, twin] = [new Line(), new Line()];
  const optimizer = new Waiting([model.weight, model.bias]);
  const runner = await train(model, optimizer, [new OptimizerHook()]);
  expect(optimizer.seen).toHaveLength(12);
  const sgd = new SGD({ params: [twin.weight, twin.bias], lr: 0.01 });
  const twinRunner = await train(twin, sgd, [new OptimizerHook()]);
  expect(await model.weight.toTorch()).toEqual(await twin.weight.toTorch());
  runner.logBuffer.clear();
  twinRunner.logBuffer.clear();
  sgd.dispose();
  const before = memory().numTensors;
  const again = await train(model, optimizer, [new OptimizerHook()]);
  again.logBuffer.clear();
  expect(memory().numTensors).toBe(before);
  optimizer.dispose();
  models.push(model, twin);
});

test('detect_anomalous_params names the trainable parameters that the loss does not depend on', async () => {
  class Loose extends Line {
    readonly loose = this.addParameter('loose', new Parameter([2, 3], 'plain'));
  }
  const model = new Loose();
  const optimizer = new SGD({ params: model.parameters(), lr: 0.01 });
  const lines: string[] = [];
  const runner = await train(
    model,
    optimizer,
    [new OptimizerHook({ detectAnomalousParams: true })],
    loader,
    lines,
  );
  runner.logBuffer.clear();
  // Frozen ones are no anomaly; each of the 6 iterations says it.
  expect(lines.filter((line) => line.includes('ERROR'))).toHaveLength(6);
  expect(lines[0]).toContain('loose with shape [2, 3] is not in the computational graph');
  const silent: string[] = [];
  (await train(model, optimizer, [new OptimizerHook()], loader, silent)).logBuffer.clear();
  expect(silent).toEqual([]);
  optimizer.dispose();
  models.push(model);
});

test('what an asynchronous step throws ends the run', async () => {
  class Failing extends Waiting {
    override async step(): Promise<void> {
      await super.step();
      throw new TypeError('not like this');
    }
  }
  const model = new Line();
  const optimizer = new Failing([model.weight, model.bias]);
  await expect(train(model, optimizer, [new OptimizerHook()])).rejects.toThrow('not like this');
  optimizer.zeroGrad();
  optimizer.dispose();
  models.push(model);
});

test.each([
  ['EMAHook', new EMAHook()],
  ['ExpMomentumEMAHook', new ExpMomentumEMAHook()],
])(
  '%s: one dispatch for what the optimizer updates, one for frozen parameters, one for buffers',
  async (_, hook) => {
    const model = new Line();
    const optimizer = new SGD({ params: [model.weight, model.bias], lr: 0.01 });
    const runner = await train(model, optimizer, [hook]);
    await onIdle();
    startProfile();
    hook.afterTrainIter(runner);
    await onIdle();
    const rows = await endProfile();
    const kinds = hook instanceof EMAHook ? 2 : 3;
    expect(rows.reduce((sum, { dispatches }) => sum + dispatches, 0)).toBe(kinds);
    // What never changes is its own average.
    expect(await model.frozen.toTorch()).toEqual(Float32Array.of(2, 2, 2));
    expect(await model.seen.toTorch()).toEqual(Float32Array.of(1, 1));
    optimizer.dispose();
    models.push(model);
  },
);
