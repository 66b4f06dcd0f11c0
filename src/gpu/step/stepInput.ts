// What a step's body may do on the host: hand over values that are others in each step, and have effects of its own.
import { RunError } from '../../errors/index.ts';
import { tensor } from '../tensor/memory.ts';
import { emptyTensor } from '../tensor/emptyTensor.ts';
import { activeRecorder, NotRecordable } from '../dispatch/recorder.ts';
import { sizeOf } from '../dispatch/strides.ts';
import type { DType, Tensor } from '../device/tfjs.ts';
import { StepRecorder } from './stepRecorder.ts';
import type { HostValues } from './recordedStep.ts';

/**
 * Make a tensor of values that the host gives anew at each step, such as targets made from a batch. Any other number
 * that depends on the batch (of `tensor()`, of a factor) is recorded with the step and stays what it was; a step in
 * which one changes can't be compiled, and runs op by op.
 *
 * @param args what the step's body was called with: in a head's or detector's own code, the batch
 * @param pick gives the values from the arguments of the step that runs, in row-major order and always as many (a step
 *   that gets another number of them runs op by op from then on). It must use its own argument: the `args` around it are
 *   those of the step that was recorded.
 * @param shape of the tensor @param dtype default float32
 * @returns a new tensor, freed with the step
 * @throws RunError `bad-step-input` where the values are of another number or kind than `shape` and `dtype` say
 *
 * @example
 * // in loss(outputs, batch) of a head: as many boxes as this batch has
 * const count = stepInput(batch, (b) => Float32Array.of(b.gtBboxes.reduce((n, boxes) => n + boxes.length / 4, 0)), []);
 */
export function stepInput<A>(
  args: A,
  pick: (args: A) => HostValues,
  shape: readonly number[],
  dtype: DType = 'float32',
): Tensor {
  const recorder = activeRecorder();
  if (!(recorder instanceof StepRecorder)) {
    const values = pick(args);
    if (!isInput(values, shape, dtype)) throw badStepInput(values, shape, dtype);
    const { buffer, byteOffset, length } = values;
    return tensor(
      values instanceof Uint32Array ? new Int32Array(buffer, byteOffset, length) : values,
      shape,
      dtype,
    );
  }
  if (recorder.args !== args)
    throw new NotRecordable('a step input that is not made from the arguments of the step');
  const result = emptyTensor(shape, dtype);
  recorder.input(result.dataId, (a) => {
    const values = pick(a as A);
    if (isInput(values, shape, dtype)) return values;
    throw new NotRecordable(
      `a step input [${shape.join(', ')}] that gets ${values.length} values at this step`,
    );
  });
  return result;
}

function isInput(values: HostValues, shape: readonly number[], dtype: DType): boolean {
  return (dtype === 'float32') === values instanceof Float32Array && values.length === sizeOf(shape);
}

function badStepInput(values: HostValues, shape: readonly number[], dtype: DType): RunError {
  return new RunError(
    `a step input [${shape.join(', ')}] must get ${sizeOf(shape)} ${dtype} values, but got ${values.constructor.name} of ${values.length}`,
    {
      code: 'bad-step-input',
      hint: 'what pick returns must be as long at each step: pad it to the most that can come',
    },
  );
}

/**
 * Do something on the host at this step and at every replay of it: count a batch, say. What a step's body does without it
 * happens only when the step is recorded.
 */
export function onStep(effect: () => void): void {
  const recorder = activeRecorder();
  if (recorder instanceof StepRecorder) recorder.effects.push(effect);
  else effect();
}
