// The compiled step: what a training step does on the GPU is recorded once per shape signature, without running it, and
// replayed from then on with static buffers and bind groups. Compiled and eager give the same bits: the same dispatches
// run in the same order. An iteration of a run makes two submits: the step, and behind it the few dispatches of the
// optimizer, its clipping and the averages of the weights, which are no part of the recording. New hyper-parameters are
// written to their buffer without a submit of their own.
import { handleOrThrow } from '../device/handle.ts';
import { activeRecorder, NotRecordable } from '../dispatch/recorder.ts';
import type { Tensor } from '../device/tfjs.ts';
import { Capture, Captures } from './captures.ts';
import { difference } from './difference.ts';
import { recordStep, runTidy } from './recording.ts';
import type { HostValues, Recording, StepOutputs } from './recordedStep.ts';
import { StepTooLarge, type PlanBytes } from './plan.ts';
import { Replay } from './replay.ts';
import { tuneVariants } from './tuning.ts';

export { StepTooLarge };
export { onStep, stepInput } from './stepInput.ts';
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
   * The step. Host values that change come in by `stepInput` only; what the host does besides goes through `onStep`.
   * Called when a signature is new, and again now and then (at the first step with other arguments, and at ever longer
   * intervals) to check that it still does the same.
   */
  body(args: A): StepOutputs;
  /** Told once when the step can't be recorded: it is run eagerly from then on. */
  onFallback?(reason: string): void;
  /**
   * Whether variants of kernels are measured for its shapes: not worth the time where there are many that come rarely.
   * Default true; what was measured before is used either way.
   */
  readonly measuresVariants?: boolean;
}

/** A step that runs compiled where it can, eagerly where it can't. */
export class CompiledStep<A> {
  readonly #definition: StepDefinition<A>;
  readonly #captures = new Captures<A>();
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
   * @throws StepTooLarge when the device can't hold the plan
   */
  run(args: A): { readonly outputs: Tensor[] } {
    if (this.#isEager || activeRecorder())
      return { outputs: [...runTidy(() => this.#definition.body(args)).outputs] };
    try {
      return { outputs: this.#capture(args).capture.replay.run(args) };
    } catch (error) {
      if (!(error instanceof NotRecordable)) throw error;
      this.#fallBack(error.message);
      return this.run(args);
    }
  }

  /**
   * Get ready to run with these arguments: record, plan, measure variants, compile the pipelines side by side, make the
   * buffers. The {@link run} that follows, with the very same arguments, does none of it again.
   * @returns what it and all other steps hold besides what stays; null when it was ready before, or runs eagerly
   * @throws StepTooLarge when the device can't hold the plan
   */
  async prepare(args: A): Promise<PlanBytes | null> {
    if (this.#isEager) return null;
    const signature = this.#definition.signature(args);
    try {
      const { capture, isNew } = this.#capture(args);
      if (!isNew) return null;
      let { replay } = capture;
      const record = (): Recording<A> => this.#record(args);
      const isMeasured = this.#definition.measuresVariants ?? true;
      if (isMeasured && (await tuneVariants(replay.recording, record)))
        ({ replay } = this.#keep(signature, new Replay(record(), handleOrThrow().backend), args));
      return await replay.prepare();
    } catch (error) {
      this.#captures.drop(signature);
      if (!(error instanceof NotRecordable)) throw error;
      this.#fallBack(error.message);
      return null;
    }
  }

  /** Something outside may have changed what the body does: look at its next use, and record anew where it did. */
  recheck(): void {
    this.#captures.suspectAll();
  }

  /** Dispatches of the step last run; 0 before. */
  get dispatchCount(): number {
    return this.#captures.latest?.replay.dispatchCount ?? 0;
  }

  /** Free the buffers. */
  dispose(): void {
    this.#captures.dispose();
  }

  #fallBack(reason: string): void {
    this.#isEager = true;
    this.#fallback = reason;
    this.dispose();
    this.#definition.onFallback?.(reason);
  }

  #record(args: A): Recording<A> {
    return recordStep(args, (a) => this.#definition.body(a), handleOrThrow().backend);
  }

  /** What to replay for these arguments: recorded before and looked at again where that is due, or recorded now. */
  #capture(args: A): { readonly capture: Capture<A>; readonly isNew: boolean } {
    const signature = this.#definition.signature(args);
    let known = this.#captures.get(signature);
    if (known && !known.replay.isAlive()) {
      this.#captures.drop(signature);
      known = undefined;
    }
    if (known && !known.isDue(args)) return { capture: this.#captures.use(signature, known), isNew: false };
    const recording = this.#record(args);
    if (known) {
      const change = difference(known.replay.recording, recording);
      if (change !== null && !known.isSuspect) throw changed(change, known.steps);
      known.isSuspect = false;
      if (change === null) return { capture: this.#captures.use(signature, known), isNew: false };
    }
    return {
      capture: this.#keep(signature, new Replay(recording, handleOrThrow().backend), args),
      isNew: true,
    };
  }

  #keep(signature: string, replay: Replay<A>, args: A): Capture<A> {
    return this.#captures.use(signature, new Capture(replay, args));
  }
}

/** Differs from one step to another, not from one epoch to the next: a replay uses old values. */
function changed(change: string, steps: number): NotRecordable {
  // It was the same at the look before, half as many steps ago.
  const span = steps === 2 ? 'one step' : `${steps / 2} steps`;
  const when = steps === 1 ? 'changes from step to step' : `has changed within ${span}`;
  return new NotRecordable(`${change}, which ${when},`);
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
