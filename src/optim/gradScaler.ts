// Loss scaling, for configs with `fp16`. The arithmetic here is float32, in which it changes little; the rules are
// PyTorch's all the same, so that a config behaves as it does there.

import { dispose, globalNorm, read, scaleAll, tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import {
  above,
  atLeast,
  checkedValue,
  declareArgs,
  dictOf,
  dictWithDefaults,
  either,
  flag,
  hinted,
  int,
  lessThan,
  number,
  oneOf,
  optional,
  worded,
  type DictOf,
} from '../registry/args/index.ts';
import type { Optimizer } from './optimizer.ts';
import { take } from '../util/at.ts';

/** What PyTorch's GradScaler keeps, by its names. */
export interface GradScalerState {
  scale: number;
  growth_factor: number;
  backoff_factor: number;
  growth_interval: number;
  _growth_tracker: number;
}

const LOSS_SCALE_ARGS = declareArgs({
  init_scale: optional(above(number, 0), 65536, 'The scale at the start.'),
  growth_factor: optional(above(number, 1), 2, 'Factor of the scale after growth_interval good steps.'),
  backoff_factor: optional(
    worded(lessThan(above(number, 0), 1), 'a number in (0, 1)'),
    0.5,
    'Factor of the scale after a step that was left out.',
  ),
  growth_interval: optional(atLeast(int, 1), 2000, 'Good steps in a row before the scale grows.', 'steps'),
  enabled: optional(flag, true, 'Whether gradients are scaled at all.'),
  mode: optional(oneOf('dynamic', 'static'), 'dynamic', 'Whether the scale changes with the steps.'),
});

/** Of `loss_scale`. */
export const LOSS_SCALE = hinted(
  either(either(above(number, 0), oneOf('dynamic')), dictOf(LOSS_SCALE_ARGS)),
  "write fp16 = dict(loss_scale='dynamic') or dict(loss_scale=512.)",
);

/**
 * Scales losses up, so that small gradients survive in few bits, and gradients down again.
 *
 *     scaled = gradient * scale; a step with an infinite or NaN one is left out
 *     dynamic: after such a step scale *= backoff_factor; after growth_interval steps without, scale *= growth_factor
 *     static:  after each step scale = the config's, so that a resumed run keeps the checkpoint's for one step
 *
 * Source: torch 1.13 `cuda/amp/grad_scaler.py`; what `loss_scale` may be: mmcv 1.7.2 `hooks/optimizer.py`.
 */
export class GradScaler {
  readonly isDynamic: boolean;
  /** False: gradients pass as they are. */
  readonly enabled: boolean;
  /** float32. */
  #scale: number;
  readonly #initScale: number;
  readonly #growthFactor: number;
  readonly #backoffFactor: number;
  readonly #growthInterval: number;
  #growthTracker = 0;

  /**
   * @param lossScale 'dynamic', a fixed number (512 by default), or a dict of GradScaler's arguments; `mode='static'`
   *   inside keeps `init_scale`
   * @throws ConfigError `bad-value`, `unknown-argument`
   */
  constructor(lossScale: unknown = 512) {
    const cfg = dictWithDefaults(LOSS_SCALE_ARGS, readLossScale(lossScale));
    this.isDynamic = cfg.mode !== 'static';
    this.enabled = Boolean(cfg.enabled);
    this.#initScale = Math.fround(cfg.init_scale);
    this.#scale = this.#initScale;
    this.#growthFactor = cfg.growth_factor;
    this.#backoffFactor = cfg.backoff_factor;
    this.#growthInterval = cfg.growth_interval;
  }

  get scale(): number {
    return this.enabled ? this.#scale : 1;
  }

  /** Take the outcome of a step into account. @param foundInf it was left out */
  update(foundInf: boolean): void {
    if (!this.enabled) return;
    if (!this.isDynamic) {
      this.#scale = this.#initScale;
      return;
    }
    if (foundInf) {
      this.#scale = Math.fround(this.#scale * this.#backoffFactor);
      this.#growthTracker = 0;
      return;
    }
    this.#growthTracker += 1;
    if (this.#growthTracker !== this.#growthInterval) return;
    this.#growthTracker = 0;
    const grown = Math.fround(this.#scale * this.#growthFactor);
    if (Number.isFinite(grown)) this.#scale = grown;
  }

  /** In PyTorch's layout, as MMCV puts it into `meta.fp16.loss_scaler`. */
  stateDict(): GradScalerState {
    return {
      scale: this.#scale,
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#growthTracker,
    };
  }

  /** Scale and counter; the factors stay the config's. Differs: PyTorch takes the factors from the file, too. */
  loadStateDict({ scale, _growth_tracker: tracker }: Readonly<Partial<GradScalerState>>): void {
    if (typeof scale === 'number' && scale > 0) this.#scale = Math.fround(scale);
    if (typeof tracker === 'number') this.#growthTracker = tracker;
  }
}

/** Multiply the parameters' gradients by a number, in place. */
export function scaleGrads(optimizer: Optimizer, parameters: readonly Parameter[], factor: number): void {
  optimizer.prepare();
  const { pool } = optimizer;
  const isPooled = (param: Parameter): boolean => pool?.indexOf(param) !== undefined;
  if (parameters.some(isPooled)) pool?.scaleGrads(factor);
  const others = parameters.flatMap((param) => (param.grad && !isPooled(param) ? [param.grad] : []));
  if (others.length === 0) return;
  const scalar = tensor([factor], [1]);
  scaleAll(others, scalar);
  dispose(scalar);
}

/**
 * The largest magnitude among the parameters' gradients: infinite or NaN as soon as one of them is.
 *
 * Reads one number back: a step that is left out must not count for Adam's bias correction, and optimizers count their
 * steps on the host. (PyTorch's scaler reads it back, too.) Only configs with `fp16` pay for it.
 */
export async function largestGrad(optimizer: Optimizer, parameters: readonly Parameter[]): Promise<number> {
  optimizer.prepare();
  const { pool } = optimizer;
  const isPooled = (param: Parameter): boolean => pool?.indexOf(param) !== undefined;
  const others = parameters.flatMap((param) => (param.grad && !isPooled(param) ? [param.grad] : []));
  const all = pool && parameters.some(isPooled) ? [...pool.wholeGrads(), ...others] : others;
  const norm = globalNorm(all, Infinity);
  const [largest] = take(await read(norm), 1);
  dispose(norm);
  return largest;
}

/** The dict that a loss scale stands for. */
function readLossScale(value: unknown): DictOf<typeof LOSS_SCALE_ARGS.table> {
  const lossScale = checkedValue(LOSS_SCALE, value, 'loss_scale');
  if (lossScale === 'dynamic') return {};
  return typeof lossScale === 'number' ? { init_scale: lossScale, mode: 'static' } : lossScale;
}
