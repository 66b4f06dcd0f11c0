import { ConfigError } from '../../errors/trainerError.ts';
import { allocating } from '../../gpu/index.ts';
import { FloatBuffer, IntBuffer, Module, Parameter } from '../../nn/index.ts';
import type { BaseRunner } from '../baseRunner.ts';
import {
  atLeast,
  checkedArgs,
  declareArgs,
  int,
  kindOf,
  optional,
  orNone,
  str,
  type ArgsOf,
} from '../../registry/args/index.ts';
import { resumeRun } from '../checkpoint.ts';
import { FloatPairs } from './floatPairs.ts';
import { Hook } from './hook.ts';

/** Arguments of every EMA hook. */
export const WEIGHT_AVERAGE_ARGS = declareArgs({
  momentum: optional(
    kindOf<number>(
      'float in (0, 1)',
      'a number between 0 and 1',
      (value) => typeof value === 'number' && value > 0 && value < 1,
    ),
    2e-4,
    'Share of the new weights in the average.',
  ),
  interval: optional(atLeast(int, 1), 1, 'How often the average is updated.', 'iterations'),
  resume_from: optional(
    orNone(str),
    null,
    'A checkpoint to go on from, for runs that were not resumed otherwise.',
  ),
});

export type WeightAverageArgs = ArgsOf<typeof WEIGHT_AVERAGE_ARGS>;

type Source = Parameter | FloatBuffer | IntBuffer;

const AVERAGES = {
  what: 'the averages of the weights',
  path: 'custom_hooks',
  hint: 'they take as much as the weights themselves: leave the EMA hook out, or take a smaller model',
};

/**
 * Base of the EMA hooks: keeps a moving average of the weights in buffers of the model, `ema_<name>` with
 * underscores for dots.
 *
 *     ema = (1 - m) ema + m weight
 *
 * Between a training epoch's end and the next one's start the average is in the weights' place, and the weights in
 * the buffers: what is evaluated and saved there by hooks that run later is the average. Integers are exchanged, not
 * averaged. An IterBasedRunner has no such moments: the average stays in the buffers.
 */
export abstract class WeightAverageHook extends Hook {
  readonly momentum: number;
  readonly interval: number;
  readonly #resumeFrom: string | null;
  #pairs: (readonly [Source, FloatBuffer | IntBuffer])[] | null = null;
  #floats: FloatPairs | null = null;
  /** The averages came out of a checkpoint. */
  #isRestored = false;
  /** The average is in the weights' place. */
  #holdsAverage = true;

  /** @throws ConfigError `bad-value` */
  constructor(args: WeightAverageArgs) {
    super();
    const { momentum, interval, resumeFrom } = checkedArgs(WEIGHT_AVERAGE_ARGS, args);
    this.momentum = momentum;
    this.interval = interval;
    this.#resumeFrom = resumeFrom;
  }

  /** What is averaged, by its name in the state dict. */
  protected abstract sources(model: Module): [string, Source][];

  /** The m of an iteration (0-based), or null when the average is left as it is. */
  protected abstract momentumAt(iter: number): number | null;

  /** The buffers must be there before a checkpoint is loaded into the model. */
  override beforeResume(runner: BaseRunner): void {
    this.#addBuffers(runner);
  }

  override async beforeRun(runner: BaseRunner): Promise<void> {
    const pairs = this.#addBuffers(runner);
    if (this.#resumeFrom !== null && !this.#isRestored) {
      await resumeRun(runner, moduleOf(runner), this.#resumeFrom);
      this.#isRestored = true;
    }
    runner.optimizer?.prepare();
    const pool = runner.optimizer?.pool ?? null;
    this.#floats = allocating(AVERAGES, () => new FloatPairs(pairs, pool));
    if (this.#isRestored) return;
    this.#floats.copy();
    for (const [source, average] of pairs)
      if (source instanceof IntBuffer && average instanceof IntBuffer) average.value = source.value;
  }

  override beforeTrainEpoch(): void {
    if (this.#holdsAverage) this.#exchange();
    this.#holdsAverage = false;
  }

  override afterTrainIter(runner: BaseRunner): void {
    const m = this.momentumAt(runner.iter);
    if (m === null) return;
    this.#floats?.average(m);
  }

  override afterTrainEpoch(): void {
    this.#exchange();
    this.#holdsAverage = true;
  }

  override stateDict(): Record<string, unknown> {
    return { holds_average: this.#holdsAverage };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#isRestored = true;
    this.#holdsAverage = state.holds_average === true;
  }

  #addBuffers(runner: BaseRunner): (readonly [Source, FloatBuffer | IntBuffer])[] {
    if (this.#pairs) return this.#pairs;
    const model = moduleOf(runner);
    this.#pairs = this.sources(model).map(([name, source]) => {
      const key = `ema_${name.replaceAll('.', '_')}`;
      if (model.ownBuffers().has(key)) {
        throw new ConfigError(`only one hook can average the weights, but ${key} is there already`, {
          code: 'duplicate-hook',
          path: 'custom_hooks',
        });
      }
      if (source instanceof IntBuffer) return [source, model.addBuffer(key, new IntBuffer(source.value))];
      const layout = source instanceof Parameter ? source.layout : 'plain';
      return [source, model.addBuffer(key, new FloatBuffer(source.shape, 0, layout))];
    });
    return this.#pairs;
  }

  #exchange(): void {
    this.#floats?.exchange();
    for (const [source, average] of this.#pairs ?? [])
      if (source instanceof IntBuffer && average instanceof IntBuffer)
        [source.value, average.value] = [average.value, source.value];
  }
}

function moduleOf(runner: BaseRunner): Module {
  const model: unknown = runner.model;
  if (model instanceof Module) return model;
  throw new ConfigError('the model must be a Module to have its weights averaged, but is none', {
    code: 'bad-type',
    path: 'model',
  });
}
