// The compiled step: what a training step does on the GPU is recorded once per shape signature, without running it, and
// replayed from then on with static buffers and bind groups. Compiled and eager give the same bits: the same dispatches
// run in the same order.
import { handleOrThrow } from '../engine.ts';
import { tensor } from '../memory.ts';
import { emptyTensor } from '../program.ts';
import { activeRecorder, NotRecordable } from '../recorder.ts';
import type { DType, Tensor } from '../tfjs.ts';
import {
  difference,
  recordStep,
  runTidy,
  StepRecorder,
  type HostValues,
  type StepOutputs,
} from './recording.ts';
import { tuneVariants } from './tuning.ts';
import { Replay, StepTooLarge, type PlanBytes } from './replay.ts';

export { StepTooLarge };
export { setVariantTuning, type TuningOptions } from './tuning.ts';

export type { HostValues, StepOutputs, PlanBytes };

export interface StepDefinition<A> {
  /** Names the step in messages and profiles. */
  readonly name: string;
  /**
   * Everything that decides which dispatches the body makes: shapes, and modes of the model. One recording is kept for
   * each.
   */
  signature(args: A): string;
  /**
   * The step. Host values that change come in by {@link stepInput} only; what the host does besides goes through
   * {@link onStep}. Called once per signature, and again now and then to check that it still does the same.
   */
  body(args: A): StepOutputs;
  /** Told once when the step can't be recorded: it is run eagerly from then on. */
  onFallback?(reason: string): void;
}

// Multi-scale training has a few shapes; each recording costs little beside the shared slots.
const MAX_RECORDINGS = 12;

interface Capture<A> {
  readonly replay: Replay<A>;
  /** Checked against the body again at its next use. */
  isSuspect: boolean;
  isChecked: boolean;
}

/** A step that runs compiled where it can, eagerly where it can't. */
export class CompiledStep<A> {
  readonly #definition: StepDefinition<A>;
  /** By signature, the least recently used first. */
  readonly #captures = new Map<string, Capture<A>>();
  #fallback: string | null = null;
  #isEager: boolean;

  constructor(definition: StepDefinition<A>, { eager = false }: { eager?: boolean } = {}) {
    this.#definition = definition;
    this.#isEager = eager;
  }

  /** Why the step runs eagerly, or null. */
  get fallbackReason(): string | null {
    return this.#fallback;
  }

  /**
   * Run one step.
   * @returns the body's outputs, the caller's. One with a place is stored there: valid until the next run
   */
  run(args: A): { readonly outputs: Tensor[] } {
    if (this.#isEager || activeRecorder())
      return { outputs: [...runTidy(() => this.#definition.body(args)).outputs] };
    try {
      return { outputs: this.#capture(args).replay.run(args) };
    } catch (error) {
      if (!(error instanceof NotRecordable)) throw error;
      this.#fallBack(error.message);
      return this.run(args);
    }
  }

  /**
   * Get ready to run with these arguments: record, plan, compile the pipelines side by side, make the buffers.
   * @returns what the plan needs; null when it was ready before, or runs eagerly
   * @throws StepTooLarge when the device can't hold the plan
   */
  async prepare(args: A): Promise<PlanBytes | null> {
    if (this.#isEager || this.#captures.has(this.#definition.signature(args))) return null;
    try {
      const { backend } = handleOrThrow();
      await tuneVariants(() => recordStep(args, (a) => this.#definition.body(a), backend));
      const { replay } = this.#capture(args);
      await replay.prepare();
      return replay.bytes;
    } catch (error) {
      if (!(error instanceof NotRecordable)) throw error;
      this.#fallBack(error.message);
      return null;
    }
  }

  /** Something outside may have changed what the body does: look at its next use, and record anew where it did. */
  recheck(): void {
    for (const capture of this.#captures.values()) capture.isSuspect = true;
  }

  /** Dispatches of the step last run; 0 before. */
  get dispatchCount(): number {
    return [...this.#captures.values()].at(-1)?.replay.dispatchCount ?? 0;
  }

  /** Free the buffers. */
  dispose(): void {
    for (const { replay } of this.#captures.values()) replay.dispose();
    this.#captures.clear();
  }

  #fallBack(reason: string): void {
    this.#isEager = true;
    this.#fallback = reason;
    this.dispose();
    this.#definition.onFallback?.(reason);
  }

  #capture(args: A): Capture<A> {
    const signature = this.#definition.signature(args);
    const { backend } = handleOrThrow();
    let known = this.#captures.get(signature);
    if (known && !known.replay.isAlive()) {
      known.replay.dispose();
      known = undefined;
    }
    if (known?.isChecked && !known.isSuspect) return this.#touch(signature, known);
    const recording = recordStep(args, (a) => this.#definition.body(a), backend);
    if (known) {
      const change = difference(known.replay.recording, recording);
      if (change === null) {
        known.isChecked = true;
        known.isSuspect = false;
        return this.#touch(signature, known);
      }
      // Differs from one step to the next, not from one epoch to another: a replay would use stale values.
      if (!known.isChecked && !known.isSuspect)
        throw new NotRecordable(`${change}, which changes from step to step,`);
      known.replay.dispose();
    }
    const capture = {
      replay: new Replay(recording, backend),
      isSuspect: false,
      isChecked: known?.isChecked === true,
    };
    return this.#touch(signature, capture);
  }

  #touch(signature: string, capture: Capture<A>): Capture<A> {
    this.#captures.delete(signature);
    this.#captures.set(signature, capture);
    if (this.#captures.size > MAX_RECORDINGS) {
      const [[oldest, { replay }]] = this.#captures;
      replay.dispose();
      this.#captures.delete(oldest);
    }
    return capture;
  }
}

/**
 * Make a compiled step.
 *
 * @example
 * const step = compileStep<Batch>({
 *   name: 'train',
 *   signature: (batch) => batch.shape.join('x'),
 *   body: (batch) => {
 *     const image = stepInput(batch, (b) => b.img, batch.shape);
 *     const { loss, grads } = valueAndGrads(() => ({ loss: net(image) }), weights);
 *     return { outputs: [loss, ...grads] };
 *   },
 * });
 * const { outputs: [loss, ...grads] } = step.run(batch);
 */
export function compileStep<A>(
  definition: StepDefinition<A>,
  options: { eager?: boolean } = {},
): CompiledStep<A> {
  return new CompiledStep(definition, options);
}

/**
 * A tensor of values that the host gives anew at each step. Outside a compiled step an ordinary tensor.
 *
 * @param args what the step's body was called with
 * @param pick gives the values from the arguments of the step that runs; always as many
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
    return tensor(values instanceof Uint32Array ? new Int32Array(values.buffer) : values, shape, dtype);
  }
  if (recorder.args !== args)
    throw new NotRecordable('a step input that is not made from the arguments of the step');
  const result = emptyTensor(shape, dtype);
  recorder.input(result.dataId, pick as (args: unknown) => HostValues);
  return result;
}

/** Do something on the host at this step and at every replay of it: count a batch, say. */
export function onStep(effect: () => void): void {
  const recorder = activeRecorder();
  if (recorder instanceof StepRecorder) recorder.effects.push(effect);
  else effect();
}
