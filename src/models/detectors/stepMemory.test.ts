import { describe, expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../../errors/index.ts';
import { StepTooLarge } from '../../gpu/index.ts';
import { stepTooLarge, type StepKind } from './stepMemory.ts';

const GB = 1e9;
const PLAN = { slots: 7.5 * GB, inputs: 0.4 * GB, constants: 0.1 * GB };

function told(
  reason: StepTooLarge['reason'],
  kind: StepKind = 'train',
  shape: readonly number[] = [8, 800, 1344, 3],
): string {
  return formatReport(toErrorReport(stepTooLarge(new StepTooLarge(PLAN, reason), kind, shape)));
}

describe('what fits is computed from the plan', () => {
  test('all together are too much: the bytes that the device gave decide', () => {
    // 2.1 GB of 8 are there: a quarter of what grows with the batch.
    expect(told({ kind: 'sum', given: 2.1 * GB })).toMatchInlineSnapshot(`
      "a step on 8 pictures of 1344 x 800 px needs 8.0 GB of the GPU for activations and inputs, but it has 2.1 GB left
        at data.samples_per_gpu
        hint: data.samples_per_gpu=2 needs about 2.1 GB; pictures of 672 x 384 px at this batch need about 2.0 GB"
    `);
  });

  test('half would not fit, one picture does not either', () => {
    expect(told({ kind: 'sum', given: 0.9 * GB })).toMatchInlineSnapshot(`
      "a step on 8 pictures of 1344 x 800 px needs 8.0 GB of the GPU for activations and inputs, but it has 900 MB left
        at data.samples_per_gpu
        hint: data.samples_per_gpu=1 with pictures of 1184 x 704 px needs about 866 MB; pictures of 416 x 224 px at this batch need about 785 MB"
    `);
  });

  test('one tensor is too much', () => {
    expect(told({ kind: 'tensor', bytes: 1.5 * GB, limit: GB, isKept: false })).toMatchInlineSnapshot(`
      "a step on 8 pictures of 1344 x 800 px makes a tensor of 1.5 GB, but one buffer of this GPU holds at most 1.0 GB
        at data.samples_per_gpu
        hint: data.samples_per_gpu=5 needs about 5.0 GB; pictures of 1088 x 640 px at this batch need about 5.2 GB"
    `);
  });

  test('nothing fits', () => {
    expect(told({ kind: 'sum', given: 0 })).toMatchInlineSnapshot(`
      "a step on 8 pictures of 1344 x 800 px needs 8.0 GB of the GPU for activations and inputs, but it has 0 B left
        at data.samples_per_gpu
        hint: this GPU is too small for the model at any batch or picture size"
    `);
  });

  test('an evaluation sets its batch elsewhere', () => {
    expect(told({ kind: 'sum', given: 4.1 * GB }, 'test')).toMatchInlineSnapshot(`
      "a forward pass on 8 pictures of 1344 x 800 px needs 8.0 GB of the GPU for activations and inputs, but it has 4.1 GB left
        at data.val_dataloader.samples_per_gpu
        hint: data.val_dataloader.samples_per_gpu=4 needs about 4.0 GB; pictures of 928 x 544 px at this batch need about 3.8 GB"
    `);
  });

  test('a tensor that is no activation is not blamed on the batch', () => {
    expect(told({ kind: 'tensor', bytes: 1.5 * GB, limit: GB, isKept: true })).toMatchInlineSnapshot(`
      "a step on 8 pictures of 1344 x 800 px uses a tensor of 1.5 GB that doesn't depend on the batch, but one buffer of this GPU holds at most 1.0 GB
        at model
        hint: a smaller model needs smaller tensors"
    `);
  });
});
