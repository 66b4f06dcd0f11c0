// What every detector offers the runner. Source: mmdet 2.28.2 `models/detectors/base.py`.

import {
  add,
  dispose,
  mean,
  normaliseImages,
  reshape,
  stack,
  tensor,
  tidy,
  valueAndGrads,
  type Tensor,
} from '../../gpu/index.ts';
import { invariant } from '../../errors/index.ts';
import { Module, type Parameter } from '../../nn/index.ts';
import type { Losses } from '../denseHeads/denseHead.ts';
import type { Detections } from '../bbox/nms.ts';
import type { ImageBatch, TrainBatch } from './batch.ts';

/** Per class, float32 [n, 5] rows of x1, y1, x2, y2, score; best first. */
export type BboxResult = Float32Array[];

/** The values of a step's log, still on the GPU. */
export interface LogVars {
  /** MMDetection's names in its order; the last is `loss`, the sum of all that have "loss" in their name. */
  readonly names: readonly string[];
  /** float32 [names.length]; the receiver disposes it. */
  readonly values: Tensor;
}

export interface StepOutputs {
  readonly logVars: LogVars;
  readonly numSamples: number;
  /** From `trainStep`: gradients in GPU layout of the parameters that have one; the receiver disposes them. */
  readonly grads?: Map<Parameter, Tensor>;
}

/** A detector as the runner sees it. Its training mode is set by `train()` and `eval()`. */
export interface Detector extends Module {
  /** Names of the classes, set by whoever knows the dataset. */
  CLASSES: readonly string[] | null;
  /** Forward and backward. Nothing is read back from the GPU; running statistics of batch norm are updated. */
  trainStep(batch: TrainBatch): StepOutputs;
  /** The losses alone. */
  valStep(batch: TrainBatch): StepOutputs;
  /** Boxes of each picture; `rescale`: in px of the original pictures, else of the network's input. */
  simpleTest(batch: ImageBatch, options: { rescale: boolean }): Promise<BboxResult[]>;
}

export abstract class BaseDetector extends Module implements Detector {
  CLASSES: readonly string[] | null = null;

  /** @param img float32 [B, H, W, C]; borrowed @returns losses, new tensors inside the caller's tidy */
  protected abstract forwardTrain(img: Tensor, batch: TrainBatch): Losses;

  abstract simpleTest(batch: ImageBatch, options: { rescale: boolean }): Promise<BboxResult[]>;

  trainStep(batch: TrainBatch): StepOutputs {
    const parameters = this.parameters().filter((parameter) => parameter.requiresGrad);
    let names: readonly string[] = [];
    const { loss, aux, grads } = valueAndGrads(
      () => {
        const parsed = parseLosses(this.forwardTrain(uploadImages(batch), batch));
        names = parsed.names;
        return { loss: parsed.loss, aux: [parsed.values] };
      },
      parameters.map((parameter) => parameter.variable),
    );
    dispose(loss);
    const byParameter = new Map<Parameter, Tensor>();
    parameters.forEach((parameter, i) => {
      const grad = grads[i];
      if (grad) byParameter.set(parameter, grad);
    });
    return { logVars: { names, values: aux[0] }, numSamples: batch.imgMetas.length, grads: byParameter };
  }

  valStep(batch: TrainBatch): StepOutputs {
    let names: readonly string[] = [];
    const values = tidy(() => {
      const parsed = parseLosses(this.forwardTrain(uploadImages(batch), batch));
      names = parsed.names;
      return parsed.values;
    });
    return { logVars: { names, values }, numSamples: batch.imgMetas.length };
  }
}

/** Put a batch's pictures on the GPU. @returns float32 [B, H, W, C], new */
export function uploadImages({ img, shape }: ImageBatch): Tensor {
  if (img instanceof Float32Array) return tensor(img, shape, 'float32');
  const { words, info, table } = img;
  return tidy(() =>
    normaliseImages(
      tensor(words, [words.length], 'int32'),
      tensor(info, [info.length], 'int32'),
      tensor(table, [table.length], 'float32'),
      shape,
    ),
  );
}

/**
 * Sum up losses as MMDetection logs them: each is its mean, a list the sum of its means, `loss` the sum of all whose
 * name contains "loss".
 */
export function parseLosses(losses: Losses): { names: string[]; values: Tensor; loss: Tensor } {
  const names: string[] = [];
  const values: Tensor[] = [];
  let total: Tensor | null = null;
  for (const [name, value] of losses) {
    const parts = (isList(value) ? value : [value]).map(toScalar);
    const sum = parts.reduce((a, b) => add(a, b));
    names.push(name);
    values.push(sum);
    if (name.includes('loss')) total = total ? add(total, sum) : sum;
  }
  invariant(total, 'a detector has at least one loss');
  return { names: [...names, 'loss'], values: stack([...values, total]), loss: total };
}

/** Sort detections by class. Source: mmdet `bbox2result`. */
export function toBboxResult({ boxes, scores, labels }: Detections, numClasses: number): BboxResult {
  const rows: number[][] = Array.from({ length: numClasses }, () => []);
  labels.forEach((label, i) => rows[label].push(...boxes.subarray(i * 4, i * 4 + 4), scores[i]));
  return rows.map((values) => Float32Array.from(values));
}

function isList(value: Tensor | readonly Tensor[]): value is readonly Tensor[] {
  return Array.isArray(value);
}

function toScalar(value: Tensor): Tensor {
  return value.size === 1 ? reshape(value, []) : mean(value);
}
