// When a detector's compiled steps are looked at again, and what becomes of gradients that somebody keeps.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  add,
  disposeEngine,
  dispose,
  mean,
  mul,
  onIdle,
  read,
  stepInput,
  tensor,
  type Tensor,
} from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { Module, Parameter } from '../../nn/index.ts';
import { Adam } from '../../optim/index.ts';
import { BaseDetector } from './baseDetector.ts';
import type { TrainBatch } from './batch.ts';
import { at, take } from '../../util/at.ts';

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
  const [value] = take(await read(grad), 1);
  dispose([logVars.values, grad]);
  return value;
}

test('a step is looked at again at ever longer intervals, and where something may have changed', async () => {
  const model = new Scale();
  counter.recordings = 0;
  const recordings: number[] = [];
  for (let i = 1; i <= 10; i++) {
    // As an IterBasedRunner does at each iteration.
    model.train();
    expect(await gradOf(model, i)).toBe(2 * i);
    recordings.push(counter.recordings);
  }
  expect(recordings).toEqual([1, 2, 3, 3, 4, 4, 4, 4, 5, 5]);
  counter.recordings = 0;
  model.head.factor = 5;
  for (let i = 1; i <= 4; i++) expect(await gradOf(model, i)).toBe(5 * i);
  // Recorded anew, and looked at as any new recording.
  expect(counter.recordings).toBe(3);
  model.recheckSteps();
  expect(await gradOf(model, 4)).toBe(20);
  // Both an interval's end and a suspicion: looked at once.
  expect(counter.recordings).toBe(4);
  model.dispose();
});

/** loss = weight * (a number of the batch's boxes, by the way that the test chooses) */
class Boxed extends BaseDetector {
  readonly weight = this.addParameter('weight', new Parameter([1], 'plain', 3));

  constructor(readonly boxSum: (batch: TrainBatch) => Tensor) {
    super();
  }

  protected override forwardTrain(img: Tensor, given: TrainBatch): Map<string, Tensor> {
    return new Map([['loss', mul(mul(mean(img), this.weight.variable), this.boxSum(given))]]);
  }

  protected override forwardTest(): readonly Tensor[] {
    return [];
  }

  override simpleTest(): Promise<never> {
    return Promise.reject(new Error('not used'));
  }
}

const firstBox = ({ gtBboxes }: TrainBatch): Float32Array => at(gtBboxes, 0);

/** Gradients as a run makes them: each step is prepared with its batch. */
async function boxGrads(
  boxSum: Boxed['boxSum'],
  boxes: readonly number[],
): Promise<{ grads: number[]; reasons: string[] }> {
  const model = new Boxed(boxSum);
  const reasons: string[] = [];
  model.setStepMode({ onFallback: (_, reason) => reasons.push(reason) });
  const grads: number[] = [];
  for (const box of boxes) {
    const given = { ...batch(1), gtBboxes: [new Float32Array(4).fill(box)] };
    await model.prepareStep(given);
    const { logVars, grads: byParameter } = model.trainStep(given);
    const grad = byParameter?.get(model.weight);
    if (!grad) throw new Error('no gradient');
    grads.push(at(await read(grad), 0));
    dispose([logVars.values, grad]);
  }
  model.dispose();
  return { grads, reasons };
}

test.each([
  ['at the second batch', [1, 2, 3, 4, 5], 'changes from step to step'],
  // Two batches may have the same number by chance.
  ['at the third', [1, 1, 2, 3, 4], 'has changed within one step'],
])(
  'values of a batch that are no step input: noticed %s, and the step runs op by op',
  async (_, boxes, when) => {
    const { grads, reasons } = await boxGrads((b) => mean(tensor(firstBox(b), [4])), boxes);
    expect(grads).toEqual(boxes);
    expect(reasons).toEqual([`a tensor that 'reduce sum' takes, which ${when},`]);
  },
);

test('values of a batch by stepInput: compiled, and right at each step', async () => {
  const boxes = [1, 2, 3, 4, 4, 6, 7, 8, 9];
  const { grads, reasons } = await boxGrads((b) => mean(stepInput(b, firstBox, [4])), boxes);
  expect(grads).toEqual(boxes);
  expect(reasons).toEqual([]);
});

test('a step input of another number of values is told', async () => {
  const some = (b: TrainBatch): Tensor =>
    mean(stepInput(b, (given) => new Float32Array(at(firstBox(given), 0)), [2]));
  await expect(boxGrads(some, [2, 3])).rejects.toMatchObject({
    code: 'bad-step-input',
    message: 'a step input [2] must get 2 float32 values, but got Float32Array of 3',
  });
});

test('a step input as long as the batch has boxes: op by op from the first that differs', async () => {
  const all = (b: TrainBatch): Tensor => {
    const [count] = take(firstBox(b), 1);
    return mean(stepInput(b, (given) => new Float32Array(at(firstBox(given), 0)).fill(2), [count]));
  };
  const { grads, reasons } = await boxGrads(all, [3, 3, 3, 4, 3]);
  expect(grads).toEqual([2, 2, 2, 2, 2]);
  expect(reasons).toEqual(['a step input [3] that gets 4 values at this step']);
});

/** Pictures of 2 rows have one loss, larger ones two. */
class ByShape extends Scale {
  protected override forwardTrain(img: Tensor): Map<string, Tensor> {
    const losses = new Map([['loss_a', mul(mean(img), this.head.weight.variable)]]);
    if ((img.shape[1] ?? 0) > 2) losses.set('loss_b', mean(img));
    return losses;
  }
}

test('losses that only some shapes have keep their names when steps are replayed', async () => {
  const model = new ByShape();
  const large: TrainBatch = { ...batch(1), img: new Float32Array(24).fill(1), shape: [1, 4, 2, 3] };
  for (let i = 0; i < 3; i++)
    for (const [given, names] of [
      [batch(1), ['loss_a', 'loss']],
      [large, ['loss_a', 'loss_b', 'loss']],
    ] as const) {
      const { logVars, grads } = model.trainStep(given);
      expect(logVars.names).toEqual(names);
      expect(logVars.values.size).toBe(names.length);
      dispose([logVars.values, ...(grads?.values() ?? [])]);
      const val = model.valStep(given);
      expect(val.logVars.names).toEqual(names);
      dispose(val.logVars.values);
    }
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
