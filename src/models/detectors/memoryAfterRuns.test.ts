// Runs in one worker, one after the other: what a run leaves on the GPU does not grow.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  dispose,
  disposeEngine,
  mean,
  memory,
  mul,
  onIdle,
  trimMemory,
  type Tensor,
} from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { liveBuffers, type LiveBuffers } from '../../gpu/testing/liveBuffers.ts';
import { BatchNorm2d, Conv2d } from '../../nn/index.ts';
import { Adam } from '../../optim/index.ts';
import { BaseDetector } from './baseDetector.ts';
import type { TrainBatch } from './batch.ts';

let buffers: LiveBuffers;
beforeAll(async () => {
  await testAdapter();
  buffers = liveBuffers();
});
afterAll(() => {
  buffers.stop();
  disposeEngine();
});

class Net extends BaseDetector {
  readonly conv = this.addModule('conv', new Conv2d({ inChannels: 3, outChannels: 8, kernelSize: 3 }));
  readonly norm = this.addModule('norm', new BatchNorm2d({ numFeatures: 8 }));

  protected override forwardTrain(img: Tensor): Map<string, Tensor> {
    const y = this.norm.forward(this.conv.forward(img));
    return new Map([['loss', mean(mul(y, y))]]);
  }

  protected override forwardTest(): readonly Tensor[] {
    return [];
  }

  override simpleTest(): Promise<never> {
    return Promise.reject(new Error('not used'));
  }
}

const batch = (rows: number, pixel: number): TrainBatch => ({
  img: new Float32Array(rows * 24).fill(pixel),
  shape: [1, rows, 8, 3],
  imgMetas: [{ img_shape: [rows, 8, 3], pad_shape: [rows, 8, 3], ori_shape: [rows, 8, 3], scale_factor: 1 }],
  gtBboxes: [],
  gtLabels: [],
});

/** Three steps on pictures of so many rows, then everything is given back. */
async function run(rows: number, eager: boolean): Promise<void> {
  const model = new Net();
  model.setStepMode({ eager });
  const optimizer = new Adam({ params: model.parameters(), lr: 0.01 });
  optimizer.prepare();
  for (let i = 0; i < 3; i++) {
    const given = batch(rows, i);
    await model.prepareStep(given);
    const { logVars, grads } = model.trainStep(given);
    for (const [parameter, grad] of grads ?? []) parameter.grad = grad;
    optimizer.step();
    optimizer.zeroGrad();
    dispose(logVars.values);
  }
  await onIdle();
  optimizer.dispose();
  model.dispose();
  trimMemory();
}

test.each([
  ['compiled', false],
  ['op by op', true],
])('ten runs (%s) hold what one holds', async (_, eager) => {
  await run(8, eager);
  const after = { ...memory(), buffers: buffers.count, bytes: buffers.bytes };
  for (let i = 1; i < 10; i++) await run(8, eager);
  expect({ ...memory(), buffers: buffers.count, bytes: buffers.bytes }).toEqual(after);
});

test('runs on pictures of ever other sizes hold no more tensors nor storage than one', async () => {
  await run(8, false);
  const after = memory();
  for (let i = 1; i < 10; i++) await run(8 + i, false);
  expect(memory()).toEqual(after);
});
