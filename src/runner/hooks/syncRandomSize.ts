import { ConfigError } from '../../errors/trainerError.ts';
import {
  declareArgs,
  atLeast,
  int,
  optional,
  orNone,
  pairOf,
  str,
  checkedArgs,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { HOOKS } from '../../registry/registries.ts';
import { Rng } from '../../util/prng.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook, type HookState } from './hook.ts';

/** Keeps its random numbers apart from the samples'. */
const SIZE_STREAM = 0x517e;

const ARGS = declareArgs({
  ratio_range: optional(
    orNone(pairOf(atLeast(int, 1))),
    [14, 26],
    'Bounds of the random number, both included; times 32 it is the width; None: the size stays.',
  ),
  img_scale: optional(
    pairOf(atLeast(int, 1)),
    [640, 640],
    'Width and height whose proportion is kept.',
    'px',
  ),
  interval: optional(atLeast(int, 1), 1, 'How often the size changes.', 'epochs'),
  device: optional(str, 'cuda', 'Without effect: there is one device.'),
});

/**
 * Chooses a new size of the training pictures after every `interval`-th epoch: `Resize` takes it instead of `img_scale`.
 * Deprecated in MMDetection, and said so once: `Resize(multiscale_mode='range')` does better.
 * Source: mmdet 2.28.2 `core/hook/sync_random_size_hook.py`. Differs: every dataset whose pipeline has a Resize takes
 * the size (in MMDetection 2.28 none does); it depends on seed and epoch only, and a resumed run has it again.
 */
export class SyncRandomSizeHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly interval: number;
  readonly #ratioRange: readonly [number, number] | null;
  /** Height by width. */
  readonly #factor: number;
  readonly #seed: number;
  #size: readonly [number, number] | null = null;

  /** @throws ConfigError `bad-value` */
  constructor(args: ArgsOf<typeof ARGS> = {}, context?: BuildContext) {
    super();
    const { ratioRange, imgScale, interval } = checkedArgs(ARGS, args);
    if (ratioRange !== null && ratioRange[0] > ratioRange[1])
      throw new ConfigError(`ratio_range must ascend, but got (${ratioRange.join(', ')})`, {
        code: 'bad-value',
      });
    this.interval = interval;
    this.#ratioRange = ratioRange && [ratioRange[0], ratioRange[1]];
    this.#factor = imgScale[1] / imgScale[0];
    this.#seed = context?.services.seed ?? 0;
    context?.services.warn(
      "SyncRandomSizeHook is deprecated: dict(type='Resize', img_scale=[(448, 448), (832, 832)], multiscale_mode='range', keep_ratio=True) in the pipeline changes the size with every picture",
    );
  }

  /** Epochs before the checkpoint may have chosen a size. */
  override afterResume(runner: BaseRunner): void {
    if (this.#size) this.#apply(runner, this.#size);
  }

  override afterTrainEpoch(runner: BaseRunner): void {
    if (!this.#ratioRange || !this.everyNEpochs(runner, this.interval)) return;
    const [low, high] = this.#ratioRange;
    const size = low + Rng.derive(this.#seed, SIZE_STREAM, runner.epoch).integer(high - low + 1);
    this.#apply(runner, [32 * size, 32 * Math.trunc(size * this.#factor)]);
  }

  override stateDict(): HookState | undefined {
    return this.#size ? { size: [...this.#size] } : undefined;
  }

  override loadStateDict({ size }: HookState): void {
    if (Array.isArray(size)) this.#size = [Number(size[0]), Number(size[1])];
  }

  #apply(runner: BaseRunner, size: readonly [number, number]): void {
    const { dataLoader } = runner;
    if (!dataLoader?.changeDataset) {
      throw new ConfigError(
        'SyncRandomSizeHook must have a dataset with a pipeline, but the loader has none',
        {
          code: 'unsupported',
          path: 'data.train',
        },
      );
    }
    dataLoader.changeDataset({ dynamicScale: size });
    this.#size = size;
    runner.logger.info(`SyncRandomSizeHook: pictures of (${size.join(', ')}) from now on`);
  }
}

HOOKS.registerModule()(SyncRandomSizeHook);
