// What every detector offers the runner. Source: mmdet 2.28.2 `models/detectors/base.py`.

import {
  add,
  compileStep,
  dispose,
  mean,
  normaliseImages,
  reshape,
  stack,
  stepInput,
  StepTooLarge,
  tidy,
  valueAndGrads,
  variable,
  type CompiledStep,
  type PackedImages,
  type PlanBytes,
  type StepOutputs as CompiledOutputs,
  type Tensor,
} from '../../gpu/index.ts';
import { invariant } from '../../errors/index.ts';
import { Module, type Parameter } from '../../nn/index.ts';
import type { Losses } from '../denseHeads/denseHead.ts';
import { stepTooLarge, type StepKind } from './stepMemory.ts';
import type { Detections } from '../bbox/nms.ts';
import type { ImageBatch, TrainBatch } from './batch.ts';
import { at, take } from '../../util/at.ts';

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
  /** Choose how steps run from now on. */
  setStepMode(mode: StepMode): void;
  /** Forward and backward. Nothing is read back from the GPU; running statistics of batch norm are updated. */
  trainStep(batch: TrainBatch): StepOutputs;
  /** The losses alone. */
  valStep(batch: TrainBatch): StepOutputs;
  /** Boxes of each picture; `rescale`: in px of the original pictures, else of the network's input. */
  simpleTest(batch: ImageBatch, options: { rescale: boolean }): Promise<BboxResult[]>;
}

/** How a detector's steps run on the GPU. */
export interface StepMode {
  /** Never compile: every op goes to the GPU by itself. Slower, the same numbers. Default false. */
  readonly eager?: boolean;
  /** Told once when a step can't be compiled. */
  readonly onFallback?: (step: string, reason: string) => void;
  /** Told when a step of a new kind or shape was planned: what all steps hold from then on. */
  readonly onPlanned?: (step: StepKind, bytes: PlanBytes) => void;
}

export abstract class BaseDetector extends Module implements Detector {
  static readonly part = 'detector';
  CLASSES: readonly string[] | null = null;
  /** Public plain fields of all modules when a step ran last. */
  #fields = '';
  /** Names of the losses, by the step's signature: a head may give others for other shapes. */
  readonly #names = new Map<string, readonly string[]>();
  /** Which trainable parameters the loss depends on, by the step's signature. */
  readonly #reached = new Map<string, readonly boolean[]>();
  #steps = this.#makeSteps({});
  #onPlanned: StepMode['onPlanned'];

  /** @param img float32 [B, H, W, C]; borrowed @returns losses, new tensors inside the caller's tidy */
  protected abstract forwardTrain(img: Tensor, batch: TrainBatch): Losses;

  abstract simpleTest(batch: ImageBatch, options: { rescale: boolean }): Promise<BboxResult[]>;

  /** Choose how steps run from now on. */
  setStepMode(mode: StepMode): void {
    this.#disposeSteps();
    this.#steps = this.#makeSteps(mode);
    this.#onPlanned = mode.onPlanned;
  }

  /**
   * Get ready for a step of the current mode on such a batch, so that the step itself needn't wait for the compiler.
   * @returns bytes of the GPU that the step needs besides parameters and optimizer state; null when nothing was to do
   * @throws DeviceError `out-of-memory`
   */
  async prepareStep(batch: TrainBatch): Promise<PlanBytes | null> {
    return this.#prepare(this.training ? 'train' : 'val', batch);
  }

  trainStep(batch: TrainBatch): StepOutputs {
    const parameters = this.#trainable();
    keepGrads(parameters);
    const outputs = this.#run('train', batch);
    const values = at(outputs, 0);
    const grads = outputs.slice(1);
    const byParameter = new Map<Parameter, Tensor>();
    let next = 0;
    const signature = this.#signature(batch);
    const reached = this.#reached.get(signature);
    for (const [i, parameter] of parameters.entries())
      if (reached?.[i]) byParameter.set(parameter, at(grads, next++));
    const logVars = { names: this.#namesOf(signature), values };
    return { logVars, numSamples: batch.imgMetas.length, grads: byParameter };
  }

  valStep(batch: TrainBatch): StepOutputs {
    const [values] = take(this.#run('val', batch), 1);
    const names = this.#namesOf(this.#signature(batch));
    return { logVars: { names, values }, numSamples: batch.imgMetas.length };
  }

  /** Run the forward pass that a test needs. @returns its tensors, the caller's @throws DeviceError `out-of-memory` */
  protected async runForward(batch: ImageBatch): Promise<Tensor[]> {
    await this.#prepare('test', batch);
    return this.#run('test', batch);
  }

  /** What {@link runForward} runs. @param img borrowed @returns new tensors inside the caller's tidy */
  protected abstract forwardTest(img: Tensor): readonly Tensor[];

  override train(mode = true): this {
    // An IterBasedRunner calls this at each iteration.
    if (mode !== this.training) this.recheckSteps();
    return super.train(mode);
  }

  /**
   * Something may have changed what the steps do: they are looked at again at their next use. Not needed for what is
   * noticed anyway: training modes, `requiresGrad`, and numbers, flags and strings that are public fields of a module.
   */
  recheckSteps(): void {
    for (const step of Object.values(this.#steps)) step.recheck();
  }

  override disposeOwn(): void {
    super.disposeOwn();
    this.#disposeSteps();
  }

  async #prepare<K extends StepKind>(kind: K, batch: BatchOf<K>): Promise<PlanBytes | null> {
    this.#noticeChanges();
    try {
      const bytes = await this.#steps[kind].prepare(batch);
      if (bytes) this.#onPlanned?.(kind, bytes);
      return bytes;
    } catch (error) {
      throw named(error, kind, batch);
    }
  }

  #run<K extends StepKind>(kind: K, batch: BatchOf<K>): Tensor[] {
    this.#noticeChanges();
    try {
      return this.#steps[kind].run(batch).outputs;
    } catch (error) {
      throw named(error, kind, batch);
    }
  }

  #makeSteps({ eager = false, onFallback }: StepMode): DetectorSteps {
    const signature = (batch: ImageBatch): string => this.#signature(batch);
    const definition = <B extends ImageBatch>(
      name: StepKind,
      body: (batch: B) => CompiledOutputs,
    ): CompiledStep<B> =>
      compileStep(
        {
          name,
          signature,
          body,
          onFallback: (reason) => onFallback?.(name, reason),
          // An evaluation in original proportions has dozens of shapes.
          measuresVariants: name !== 'test',
        },
        { eager },
      );
    return {
      train: definition<TrainBatch>('train', (batch) => this.#trainBody(batch)),
      val: definition<TrainBatch>('val', (batch) => ({ outputs: [this.#losses(batch).values] })),
      test: definition<ImageBatch>('test', (batch) => ({ outputs: this.forwardTest(uploadImages(batch)) })),
    };
  }

  #trainBody(batch: TrainBatch): CompiledOutputs {
    const parameters = this.#trainable();
    const { loss, aux, grads } = valueAndGrads(
      () => {
        const { loss: total, values } = this.#losses(batch);
        return { loss: total, aux: [values] };
      },
      parameters.map((parameter) => parameter.variable),
    );
    dispose(loss);
    this.#reached.set(
      this.#signature(batch),
      grads.map((grad) => grad !== null),
    );
    const slots = parameters.flatMap(({ gradSlot }, i) => (grads[i] ? [gradSlot] : []));
    return { outputs: [...aux, ...grads.filter((grad) => grad !== null)], places: [null, ...slots] };
  }

  #losses(batch: TrainBatch): { values: Tensor; loss: Tensor } {
    const { names, values, loss } = parseLosses(this.forwardTrain(uploadImages(batch), batch));
    this.#names.set(this.#signature(batch), names);
    return { values, loss };
  }

  #namesOf(signature: string): readonly string[] {
    return this.#names.get(signature) ?? [];
  }

  #trainable(): Parameter[] {
    return this.parameters().filter((parameter) => parameter.requiresGrad);
  }

  /** Sizes, and one letter per module and parameter: who trains, who is frozen. */
  #signature({ img, shape }: ImageBatch): string {
    const kind = img instanceof Float32Array ? 'float' : `${img.words.length} ${img.table.length}`;
    let modes = `${shape.join('x')} ${kind} `;
    for (const [, module] of this.namedModules()) {
      modes += module.training ? 'T' : 'E';
      for (const parameter of module.ownParameters().values()) modes += parameter.requiresGrad ? 'g' : 'f';
    }
    return modes;
  }

  /** A hook may set a flag of a module between any two steps. */
  #noticeChanges(): void {
    let fields = '';
    for (const [, module] of this.namedModules())
      for (const value of Object.values(module) as unknown[])
        if (PLAIN.has(typeof value)) fields += `${String(value)} `;
    if (fields !== this.#fields) this.recheckSteps();
    this.#fields = fields;
  }

  #disposeSteps(): void {
    for (const step of Object.values(this.#steps)) step.dispose();
  }
}

const PLAIN: ReadonlySet<string> = new Set(['number', 'boolean', 'string']);

/** A compiled step writes gradients straight into their slots: those that somebody still keeps there move out. */
function keepGrads(parameters: readonly Parameter[]): void {
  for (const parameter of parameters) {
    const { grad, gradSlot } = parameter;
    if (!grad || grad.dataId !== gradSlot?.dataId) continue;
    parameter.grad = variable(grad, false);
    if (grad !== gradSlot) dispose(grad);
  }
}

function named(error: unknown, kind: StepKind, { shape }: ImageBatch): unknown {
  return error instanceof StepTooLarge ? stepTooLarge(error, kind, shape) : error;
}

type BatchOf<K extends StepKind> = K extends 'test' ? ImageBatch : TrainBatch;
type DetectorSteps = { readonly [K in StepKind]: CompiledStep<BatchOf<K>> };

/** Put a batch's pictures on the GPU. @returns float32 [B, H, W, C], new */
export function uploadImages(batch: ImageBatch): Tensor {
  const { img, shape } = batch;
  if (img instanceof Float32Array) return stepInput(batch, (b) => floats(b.img), shape);
  const { words, info, table } = img;
  return tidy(() =>
    normaliseImages(
      stepInput(batch, (b) => packed(b.img).words, [words.length], 'int32'),
      stepInput(batch, (b) => packed(b.img).info, [info.length], 'int32'),
      stepInput(batch, (b) => packed(b.img).table, [table.length]),
      shape,
    ),
  );
}

function floats(img: ImageBatch['img']): Float32Array {
  invariant(img instanceof Float32Array, 'a batch of floats, then one of bytes');
  return img;
}

function packed(img: ImageBatch['img']): PackedImages {
  invariant(!(img instanceof Float32Array), 'a batch of bytes, then one of floats');
  return img;
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
  labels.forEach((label, i) => at(rows, label).push(...boxes.subarray(i * 4, i * 4 + 4), at(scores, i)));
  return rows.map((values) => Float32Array.from(values));
}

function isList(value: Tensor | readonly Tensor[]): value is readonly Tensor[] {
  return Array.isArray(value);
}

function toScalar(value: Tensor): Tensor {
  return value.size === 1 ? reshape(value, []) : mean(value);
}
