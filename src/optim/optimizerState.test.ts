// Saved states in other hands: of another optimizer, of an older PyTorch.

import { beforeAll, describe, expect, test } from 'vitest';
import { tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Parameter } from '../nn/index.ts';
import { Adam } from './adam.ts';
import { Adamax } from './adamax.ts';
import { AdamW } from './adamw.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerStateDict } from './optimizerState.ts';
import { RAdam } from './radam.ts';
import { RMSprop } from './rmsprop.ts';
import { SGD } from './sgd.ts';
import { at } from '../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});

type Make = (params: Parameter[]) => Optimizer;

/** The state of an optimizer that made one step. */
async function savedBy(make: Make): Promise<OptimizerStateDict> {
  const param = new Parameter([2]);
  param.fromTorch(Float32Array.of(1, 2));
  const optimizer = make([param]);
  param.grad = tensor([1, 1], [2]);
  optimizer.step();
  const saved = await optimizer.stateDict();
  optimizer.dispose();
  return saved;
}

const sgd: Make = (params) => new SGD({ params, lr: 0.1, momentum: 0.9 });
const adam: Make = (params) => new Adam({ params });

class Own extends Optimizer {
  override step(): void {
    for (const { params } of this.paramGroups) for (const param of params) this.stateTensor(param, 'mine');
  }
}

describe('a checkpoint of another optimizer', () => {
  const refused: [string, Make, Make, string][] = [
    [
      'Adam for SGD',
      adam,
      sgd,
      'SGD must find momentum, dampening in the saved parameter groups, but they have only lr, betas, eps,',
    ],
    [
      'SGD for Adam',
      sgd,
      adam,
      'Adam must find betas, eps in the saved parameter groups, but they have only lr, momentum,',
    ],
    [
      'SGD for one of their own',
      sgd,
      (params) => new Own(params, { lr: 1, mine: 2 }),
      'Own must find mine in',
    ],
    [
      'Adamax for Adam, whose groups look alike',
      (params) => new Adamax({ params }),
      adam,
      'Adam must find exp_avg_sq in the saved state, but that has only step, exp_avg, exp_inf',
    ],
    [
      'an own one for Adam',
      (params) => new Own(params, { lr: 1, betas: [0, 0], eps: 1, weight_decay: 0 }),
      adam,
      'that has only mine',
    ],
  ];
  test.each(refused)('%s: refused, and nothing is changed', async (_, from, to, message) => {
    const saved = await savedBy(from);
    const optimizer = to([new Parameter([2])]);
    const before = JSON.stringify(optimizer.paramGroups.map(({ params: _params, ...options }) => options));
    expect(() => optimizer.loadStateDict(saved)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        code: 'optimizer-mismatch',
        hint: 'was the checkpoint saved with another optimizer? load_from takes the weights only',
      }),
    );
    expect(JSON.stringify(optimizer.paramGroups.map(({ params: _params, ...options }) => options))).toBe(
      before,
    );
    expect(optimizer.state.size).toBe(0);
  });

  test('what PyTorch can go on with goes on: Adam and AdamW, Adam and RAdam', async () => {
    const saved = await savedBy(adam);
    for (const make of [
      (params: Parameter[]) => new AdamW({ params, lr: 1 }),
      (params: Parameter[]) => new RAdam({ params, lr: 1 }),
    ]) {
      const optimizer = make([new Parameter([2])]);
      optimizer.loadStateDict(saved);
      expect(at(optimizer.paramGroups, 0).lr).toBe(0.001);
    }
  });
});

/** A saved state whose groups have these options only. */
const withOptions = (options: Readonly<Record<string, unknown>>): OptimizerStateDict => ({
  state: new Map(),
  param_groups: [{ ...options, params: [0] }],
});

test('options that PyTorch gained since are what they stood for before, whatever the config says', () => {
  const optimizer = new SGD({
    params: [new Parameter([2])],
    lr: 1,
    momentum: 0.5,
    nesterov: true,
    maximize: true,
  });
  optimizer.loadStateDict(withOptions({ lr: 0.1, momentum: 0.9, dampening: 0, weight_decay: 0 }));
  const { params: _, ...options } = at(optimizer.paramGroups, 0);
  expect(options).toEqual({
    lr: 0.1,
    momentum: 0.9,
    dampening: 0,
    weight_decay: 0,
    nesterov: false,
    maximize: false,
    foreach: null,
    differentiable: false,
  });
  const rmsprop = new RMSprop({ params: [new Parameter([2])], momentum: 0.9 });
  rmsprop.loadStateDict(withOptions({ lr: 0.1, alpha: 0.9, eps: 1e-8, weight_decay: 0 }));
  expect(rmsprop.paramGroups[0]).toMatchObject({ momentum: 0, centered: false, maximize: false });
});

test('an own optimizer says itself what its later options stood for', () => {
  class Grown extends Own {
    override readonly laterOptions = { mine: 7 };
  }
  const optimizer = new Grown([new Parameter([2])], { lr: 1, mine: 2 });
  optimizer.loadStateDict(withOptions({ lr: 0.5 }));
  expect(optimizer.paramGroups[0]).toMatchObject({ lr: 0.5, mine: 7 });
});
