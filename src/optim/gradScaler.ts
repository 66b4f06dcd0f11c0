// Loss scaling, for configs with `fp16`. The arithmetic here is float32, in which it changes little; the rules are
// PyTorch's all the same, so that a config behaves as it does there.

import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { dispose, globalNorm, read, scaleAll, tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { nearest } from '../util/nearest.ts';
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

const KEYS = ['init_scale', 'growth_factor', 'backoff_factor', 'growth_interval', 'enabled', 'mode'];

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
    const cfg = readLossScale(lossScale);
    this.isDynamic = cfg.mode !== 'static';
    this.enabled = cfg.enabled !== false;
    this.#initScale = Math.fround(readNumber(cfg, 'init_scale', 65536, (v) => v > 0, 'positive'));
    this.#scale = this.#initScale;
    this.#growthFactor = readNumber(cfg, 'growth_factor', 2, (v) => v > 1, 'greater than 1');
    this.#backoffFactor = readNumber(cfg, 'backoff_factor', 0.5, (v) => v > 0 && v < 1, 'in (0, 1)');
    const wanted = 'a whole number of at least 1';
    this.#growthInterval = readNumber(
      cfg,
      'growth_interval',
      2000,
      (v) => Number.isInteger(v) && v > 0,
      wanted,
    );
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

function readLossScale(lossScale: unknown): Readonly<Record<string, unknown>> {
  if (lossScale === 'dynamic') return {};
  if (typeof lossScale === 'number') return { init_scale: lossScale, mode: 'static' };
  if (typeof lossScale !== 'object' || lossScale === null || Array.isArray(lossScale)) {
    throw new ConfigError(
      `loss_scale must be a number, 'dynamic' or a dict, but got ${plainRepr(lossScale)}`,
      { code: 'bad-value', hint: "write fp16 = dict(loss_scale='dynamic') or dict(loss_scale=512.)" },
    );
  }
  const cfg = lossScale as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(cfg)) {
    if (KEYS.includes(key)) continue;
    const near = nearest(key, KEYS);
    throw new ConfigError(`loss_scale got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      hint: near ? `did you mean '${near}'?` : `it takes: ${KEYS.join(', ')}`,
    });
  }
  if (cfg.mode !== undefined && cfg.mode !== 'dynamic' && cfg.mode !== 'static') {
    throw new ConfigError(`loss_scale.mode must be 'dynamic' or 'static', but got ${plainRepr(cfg.mode)}`, {
      code: 'bad-value',
    });
  }
  return cfg;
}

function readNumber(
  cfg: Readonly<Record<string, unknown>>,
  key: string,
  fallback: number,
  test: (value: number) => boolean,
  wanted: string,
): number {
  const value = cfg[key] ?? fallback;
  if (typeof value === 'number' && test(value)) return value;
  throw new ConfigError(`loss_scale.${key} must be ${wanted}, but got ${plainRepr(value)}`, {
    code: 'bad-value',
  });
}
