// What a step's body may do on the host: hand over values that are others in each step, and have effects of its own.
import { RunError } from '../../errors/index.ts';
import { tensor } from '../memory.ts';
import { emptyTensor } from '../program.ts';
import { activeRecorder, NotRecordable } from '../recorder.ts';
import type { DType, Tensor } from '../tfjs.ts';
import { StepRecorder, type HostValues } from './recording.ts';

/**
 * Make a tensor of values that the host gives anew at each step, such as targets made from a batch. Any other number
 * that depends on the batch (of `tensor()`, of a factor) is recorded with the step and stays what it was; a step in
 * which one changes can't be compiled, and runs op by op.
 *
 * @param args what the step's body was called with: in a head's or detector's own code, the batch
 * @param pick gives the values from the arguments of the step that runs, in row-major order and always as many. It must
 *   use its own argument: the `args` around it are those of the step that was recorded.
 * @param shape of the tensor @param dtype default float32
 * @returns a new tensor, freed with the step
 * @throws RunError `bad-step-input` at a step whose values are of another number or kind
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
  const checked = (a: A): HostValues => checkValues(pick(a), shape, dtype);
  const recorder = activeRecorder();
  if (!(recorder instanceof StepRecorder)) {
    const values = checked(args);
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
  recorder.input(result.dataId, checked as (args: unknown) => HostValues);
  return result;
}

function checkValues(values: HostValues, shape: readonly number[], dtype: DType): HostValues {
  const size = shape.reduce((a, b) => a * b, 1);
  const isKind = (dtype === 'float32') === values instanceof Float32Array;
  if (isKind && values.length === size) return values;
  throw new RunError(
    `a step input [${shape.join(', ')}] must get ${size} ${dtype} values, but got ${values.constructor.name} of ${values.length}`,
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
