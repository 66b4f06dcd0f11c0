// What a step needs of the GPU, in words.

import { DeviceError } from '../../errors/index.ts';
import type { PlanBytes, StepTooLarge } from '../../gpu/index.ts';
import { formatBytes } from '../../util/formatBytes.ts';
import { take } from '../../util/at.ts';

/** What becomes of a batch: decides where its size is set. */
export type StepKind = 'train' | 'val' | 'test';

const SUBJECT: Record<StepKind, string> = {
  train: 'a step',
  val: 'a validation step',
  test: 'a forward pass',
};

// Workflow's val steps take batches of the training's size.
const BATCH_SIZE: Record<StepKind, string> = {
  train: 'data.samples_per_gpu',
  val: 'data.samples_per_gpu',
  test: 'data.val_dataloader.samples_per_gpu',
};

/**
 * Say that a batch is too large for the device: which number is, and what would fit.
 * @param shape of the batch, [B, H, W, C]
 */
export function stepTooLarge(cause: StepTooLarge, kind: StepKind, shape: readonly number[]): DeviceError {
  const [batch, height, width] = take(shape, 3);
  const pictures = batch === 1 ? 'picture' : 'pictures';
  const subject = `${SUBJECT[kind]} on ${batch} ${pictures} of ${width} x ${height} px`;
  const { plan, reason } = cause;
  if (reason.kind === 'tensor' && reason.isKept) {
    return new DeviceError(
      `${subject} uses a tensor of ${formatBytes(reason.bytes)} that doesn't depend on the batch, but one buffer of this GPU holds at most ${formatBytes(reason.limit)}`,
      { code: 'out-of-memory', path: 'model', hint: 'a smaller model needs smaller tensors', cause },
    );
  }
  const growing = plan.slots + plan.inputs;
  const told =
    reason.kind === 'tensor'
      ? `${subject} makes a tensor of ${formatBytes(reason.bytes)}, but one buffer of this GPU holds at most ${formatBytes(reason.limit)}`
      : `${subject} needs ${formatBytes(growing + plan.constants)} of the GPU for activations and inputs, but it has ${formatBytes(reason.given)} left`;
  // Activations and inputs grow with the batch and the pictures' area; constants don't.
  const share =
    reason.kind === 'tensor'
      ? reason.limit / reason.bytes
      : Math.max(0, reason.given - plan.constants) / growing;
  return new DeviceError(told, {
    code: 'out-of-memory',
    path: BATCH_SIZE[kind],
    hint: advice({ share, batch, height, width, plan, key: BATCH_SIZE[kind] }),
    cause,
  });
}

interface Fit {
  /** Of what grows with the batch, the part that fits; < 1. */
  readonly share: number;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly plan: PlanBytes;
  /** Where the batch size is set. */
  readonly key: string;
}

// Side lengths are multiples of this in most configs (`Pad(size_divisor=32)`).
const DIVISOR = 32;

/** The largest batch that fits, and pictures that fit at this one. */
function advice({ share, batch, height, width, plan, key }: Fit): string {
  const growing = plan.slots + plan.inputs;
  const needed = (part: number): string => formatBytes(growing * part + plan.constants);
  const shrunk = (area: number): { text: string; part: number } | null => {
    const scale = Math.sqrt(area);
    const [w, h] = take(
      [width, height].map((side) => Math.floor((side * scale) / DIVISOR) * DIVISOR),
      2,
    );
    return w > 0 && h > 0 ? { text: `pictures of ${w} x ${h} px`, part: (w * h) / (width * height) } : null;
  };
  const options: string[] = [];
  const fitting = Math.floor(batch * share);
  const single = fitting < 1 && batch > 1 ? shrunk(Math.min(1, batch * share)) : null;
  if (fitting >= 1) options.push(`${key}=${fitting} needs about ${needed(fitting / batch)}`);
  if (single) options.push(`${key}=1 with ${single.text} needs about ${needed(single.part / batch)}`);
  const same = shrunk(share);
  if (same) options.push(`${same.text} at this batch need about ${needed(same.part)}`);
  return options.length > 0
    ? options.join('; ')
    : 'this GPU is too small for the model at any batch or picture size';
}
