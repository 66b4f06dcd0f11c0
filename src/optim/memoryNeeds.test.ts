// What a run keeps from its beginning to its end, on a GPU without room for it: the error names it.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../errors/index.ts';
import * as gpu from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { limitedAdapter } from '../gpu/testing/limitedAdapter.ts';
import { failBuffers } from '../gpu/testing/outOfMemory.ts';
import { Module, Parameter } from '../nn/index.ts';
import { Adam } from './adam.ts';
import { accumulateGrads } from './gradSums.ts';
import { Muon } from './muon.ts';
import type { Optimizer } from './optimizer.ts';

const MB = 2 ** 18;

beforeAll(testAdapter);
afterEach(async () => {
  // Each test kills the engine.
  await gpu.initEngine();
});
afterAll(() => {
  gpu.disposeEngine();
});

class Net extends Module {
  readonly weight = this.addParameter('weight', new Parameter([4, MB / 4], 'plain', 1));
}

/** What the next wait for the GPU says after `f` was done without memory. */
async function told(f: () => void, minBytes = 2 ** 20): Promise<string> {
  const end = failBuffers(minBytes);
  try {
    f();
    await gpu.onIdle();
    return 'nothing';
  } catch (error) {
    return formatReport(toErrorReport(error));
  } finally {
    end();
  }
}

/** A parameter with a gradient, and its optimizer. */
function ready<O extends Optimizer>(make: (params: Parameter[]) => O): { weight: Parameter; optimizer: O } {
  const { weight } = new Net();
  const optimizer = make([weight]);
  optimizer.prepare();
  weight.grad = gpu.ones([4, MB / 4]);
  return { weight, optimizer };
}

test('parameters', async () => {
  const { weight } = new Net();
  expect(await told(() => weight.variable)).toMatchInlineSnapshot(`
    "the values of weight don't fit: the GPU has too little memory for this run (createBuffer failed)
      at model
      hint: a smaller model needs less"
  `);
});

test('parameters that are packed', async () => {
  const net = new Net();
  const optimizer = new Adam({ params: net.parameters(), lr: 0.1 });
  gpu.dispose(gpu.square(net.weight.variable));
  expect(await told(() => optimizer.prepare())).toMatchInlineSnapshot(`
    "the model's parameters need 1.0 MB of the GPU, which it doesn't have
      at model
      hint: a smaller model, or more frozen_stages, needs less"
  `);
});

test('state of an elementwise optimizer', async () => {
  const { optimizer } = ready((params) => new Adam({ params, lr: 0.1 }));
  expect(await told(() => optimizer.step())).toMatchInlineSnapshot(`
    "the optimizer's states need 1.0 MB of the GPU, which it doesn't have
      at optimizer
      hint: SGD without momentum has none, with momentum half of what Adam has; frozen parameters have none either"
  `);
});

test('state of another optimizer', async () => {
  const { optimizer } = ready((params) => new Muon({ params, lr: 0.1 }));
  expect(await told(() => optimizer.step())).toContain("the optimizer's states don't fit");
});

test('sums of gradients', async () => {
  const { optimizer, weight } = ready((params) => new Adam({ params, lr: 0.1 }));
  const grads = new Map([[weight, gpu.ones([4, MB / 4])]]);
  expect(await told(() => accumulateGrads(optimizer, grads, 1))).toMatchInlineSnapshot(`
    "the sums of several iterations' gradients need 1.0 MB of the GPU, which it doesn't have
      at optimizer_config
      hint: without cumulative_iters there are none"
  `);
});

test('a parameter that no buffer can hold', async () => {
  await limitedAdapter({ maxStorageBufferBindingSize: 2 ** 27 });
  class Wide extends Module {
    readonly weight = this.addParameter('weight', new Parameter([2 ** 25 + 1]));
  }
  const { weight } = new Wide();
  expect(await told(() => weight.variable, Infinity)).toMatchInlineSnapshot(`
    "the values of weight don't fit: a tensor [33554433] takes 134 MB, but one buffer of this GPU holds at most 134 MB
      at model
      hint: a smaller model needs less"
  `);
  gpu.disposeEngine();
});
