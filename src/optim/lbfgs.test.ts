import { beforeAll, describe, expect, test } from 'vitest';
import { dispose, memory, tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Parameter } from '../nn/index.ts';
import type { LossClosure } from './closureOptimizer.ts';
import { LBFGS, type LbfgsArgs } from './lbfgs.ts';

beforeAll(async () => {
  await testAdapter();
});

function makeParameters(): Parameter[] {
  const [weight, bias] = [new Parameter([2, 3], 'linear'), new Parameter([2])];
  weight.fromTorch(Float32Array.of(1, -2, 3, 4, -5, 6));
  bias.fromTorch(Float32Array.of(-1, 2));
  return [weight, bias];
}

/** Sum of i (x - i)^2 over all values, in PyTorch's order: its minimum is at 1, 2, 3... */
function lossOf(parameters: readonly Parameter[]): LossClosure {
  return async () => {
    let [loss, at] = [0, 0];
    for (const parameter of parameters) {
      const gradient = new Parameter(parameter.shape, parameter.layout);
      const values = await parameter.toTorch();
      gradient.fromTorch(
        values.map((value) => {
          at++;
          loss += at * (value - at) ** 2;
          return 2 * at * (value - at);
        }),
      );
      if (parameter.grad) dispose(parameter.grad);
      parameter.grad = tensor(Float32Array.from(await gradient.variable.data()), [
        ...gradient.variable.shape,
      ]);
      gradient.dispose();
    }
    return loss;
  };
}

async function valuesOf(parameters: readonly Parameter[]): Promise<number[]> {
  return (await Promise.all(parameters.map((p) => p.toTorch()))).flatMap((values) => [...values]);
}

describe('LBFGS', () => {
  test.each<[string, Omit<LbfgsArgs, 'params'>]>([
    ['without a line search', { lr: 0.5, maxIter: 60, maxEval: 100 }],
    ['with strong_wolfe', { lineSearchFn: 'strong_wolfe', maxIter: 40 }],
  ])('%s finds the minimum of a sum of squares', async (_, args) => {
    const params = makeParameters();
    const before = memory().numTensors;
    const optimizer = new LBFGS({ params, ...args });
    // 1*0 + 2*16 + 3*0 + 4*0 + 5*100 + 6*0 + 7*64 + 8*36 = 1268
    expect(await optimizer.step(lossOf(params))).toBe(1268);
    const values = await valuesOf(params);
    values.forEach((value, i) => expect(value).toBeCloseTo(i + 1, 3));
    optimizer.dispose();
    for (const { grad } of params) if (grad) dispose(grad);
    // The parameters themselves were uploaded by the gradients' readback at most once each.
    expect(memory().numTensors).toBeLessThanOrEqual(before + params.length);
  });

  test('saving and loading continues with the same bits', async () => {
    const args = { lineSearchFn: 'strong_wolfe', maxIter: 2, maxEval: 10 } as const;
    const straight = makeParameters();
    const whole = new LBFGS({ params: straight, ...args });
    for (let i = 0; i < 3; i++) await whole.step(lossOf(straight));

    const first = makeParameters();
    const optimizer = new LBFGS({ params: first, ...args });
    await optimizer.step(lossOf(first));
    const saved = await optimizer.stateDict();
    expect([...(saved.state.get(0)?.keys() ?? [])]).toEqual(
      'func_evals n_iter al d t old_dirs old_stps ro H_diag prev_flat_grad prev_loss'.split(' '),
    );
    const resumed = new LBFGS({ params: first, ...args });
    resumed.loadStateDict(saved);
    for (let i = 0; i < 2; i++) await resumed.step(lossOf(first));
    expect(await valuesOf(first)).toEqual(await valuesOf(straight));
  });

  test('a checkpoint of another size is refused', async () => {
    const params = makeParameters();
    const optimizer = new LBFGS({ params });
    await optimizer.step(lossOf(params));
    const saved = await optimizer.stateDict();
    const other = new LBFGS({ params: [new Parameter([3]), new Parameter([1])] });
    expect(() => other.loadStateDict(saved)).toThrowErrorMatchingInlineSnapshot(
      `[CheckpointError: the optimizer must find d with 4 values, but the checkpoint has 8]`,
    );
  });

  test('no closure, several groups and an unknown line search are errors', async () => {
    const params = makeParameters();
    expect(() => new LBFGS({ params }).step()).toThrow('must be given a closure');
    const groups = params.map((param) => ({ params: [param] }));
    expect(() => new LBFGS({ params: groups })).toThrow('one parameter group');
    const bogus = new LBFGS({ params: [{ params, line_search_fn: 'bogus' }] });
    await expect(bogus.step(lossOf(params))).rejects.toThrow("must be 'strong_wolfe' or None");
  });
});
