// What a step needs of the GPU, in words.

import { DeviceError } from '../../errors/index.ts';
import type { PlanBytes, StepTooLarge } from '../../gpu/index.ts';
import { formatBytes } from '../../util/formatBytes.ts';

function totalBytes({ slots, inputs, constants }: PlanBytes): number {
  return slots + inputs + constants;
}

/**
 * Say that a batch is too large for the device: which number is, and what would fit.
 * @param shape of the batch, [B, H, W, C]
 */
export function stepTooLarge(error: StepTooLarge, [batch, height, width]: readonly number[]): DeviceError {
  const { plan, tensor } = error;
  const needed = totalBytes(plan);
  const subject = `a step on ${batch} pictures of ${width} x ${height} px`;
  const told = tensor
    ? `${subject} makes a tensor of ${formatBytes(tensor.bytes)}, but one buffer of this GPU holds at most ${formatBytes(tensor.limit)}`
    : `${subject} needs ${formatBytes(needed)} of the GPU for activations, which it doesn't have`;
  // Activations grow with the batch and the picture's area.
  const share = tensor ? tensor.limit / tensor.bytes : 1 / 2;
  const fitting = Math.floor(batch * share);
  const scale = Math.sqrt(share * 0.98);
  const options = [
    fitting >= 1 && fitting < batch
      ? `data.samples_per_gpu=${fitting} needs about ${formatBytes((needed * fitting) / batch)}`
      : '',
    `pictures of ${Math.floor(width * scale)} x ${Math.floor(height * scale)} px at this batch about ${formatBytes(needed * scale * scale)}`,
  ];
  return new DeviceError(told, {
    code: 'out-of-memory',
    path: 'data.samples_per_gpu',
    hint: options.filter((text) => text !== '').join('; '),
    cause: error,
  });
}
