// PyTorch's random fills and MMCV's initialisers over them.
// Sources: torch 1.13 `nn/init.py`, mmcv 1.7.2 `cnn/utils/weight_init.py`.

import { ConfigError } from '../../errors/index.ts';
import type { Rng } from '../../util/prng.ts';
import type { Parameter } from '../parameter.ts';

export type FanMode = 'fan_in' | 'fan_out';
export type Nonlinearity = 'relu' | 'leaky_relu' | 'linear' | 'sigmoid' | 'tanh' | 'selu';
export type Distribution = 'normal' | 'uniform';

/**
 * The gain by which a layer's spread is kept through a nonlinearity.
 * @param a negative slope of `leaky_relu`
 * @example calculateGain('relu') // 1.4142135623730951
 */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case 'relu':
      return Math.SQRT2;
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + a * a));
    case 'tanh':
      return 5 / 3;
    case 'selu':
      return 3 / 4;
    case 'linear':
    case 'sigmoid':
      return 1;
  }
}

/** Inputs and outputs of one weight: PyTorch's `_calculate_fan_in_and_fan_out`. */
export function fans(parameter: Parameter): { fanIn: number; fanOut: number } {
  const [out, input, ...kernel] = parameter.shape;
  if (out === undefined || input === undefined) {
    throw new ConfigError(
      `an initialiser that needs fan in and fan out takes weights of at least 2 dimensions, but ${parameter.name} has ${parameter.shape.length}`,
      { code: 'bad-init', hint: "use type='Constant', 'Normal' or 'Uniform' for such layers" },
    );
  }
  const area = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: input * area, fanOut: out * area };
}

export function fillConstant(parameter: Parameter, value: number): void {
  parameter.fromTorch(new Float32Array(parameter.size).fill(value));
}

export function fillNormal(parameter: Parameter, rng: Rng, mean: number, std: number): void {
  fillWith(parameter, () => mean + std * rng.normal());
}

export function fillUniform(parameter: Parameter, rng: Rng, low: number, high: number): void {
  fillWith(parameter, () => low + (high - low) * rng.uniform());
}

/** Normal values redrawn until they lie in [low, high]. */
export function fillTruncNormal(
  parameter: Parameter,
  rng: Rng,
  { mean, std, low, high }: { mean: number; std: number; low: number; high: number },
): void {
  if (!(low < high) || mean + 6 * std < low || mean - 6 * std > high) {
    throw new ConfigError(
      `TruncNormal needs a < b near its mean, but got a=${low}, b=${high}, mean=${mean}`,
      {
        code: 'bad-init',
      },
    );
  }
  fillWith(parameter, () => {
    for (;;) {
      const value = mean + std * rng.normal();
      if (value >= low && value <= high) return value;
    }
  });
}

/** std = gain / sqrt(fan); uniform bounds are ±sqrt(3) std. */
export function fillKaiming(
  parameter: Parameter,
  rng: Rng,
  options: { a: number; mode: FanMode; nonlinearity: Nonlinearity; distribution: Distribution },
): void {
  const { fanIn, fanOut } = fans(parameter);
  const std =
    calculateGain(options.nonlinearity, options.a) / Math.sqrt(options.mode === 'fan_in' ? fanIn : fanOut);
  fillSpread(parameter, rng, std, options.distribution);
}

/** std = gain sqrt(2 / (fan_in + fan_out)). */
export function fillXavier(
  parameter: Parameter,
  rng: Rng,
  options: { gain: number; distribution: Distribution },
): void {
  const { fanIn, fanOut } = fans(parameter);
  fillSpread(parameter, rng, options.gain * Math.sqrt(2 / (fanIn + fanOut)), options.distribution);
}

/**
 * The bias with which a sigmoid gives a probability.
 * @example biasInitWithProb(0.01) // -4.59511985013459
 */
export function biasInitWithProb(prob: number): number {
  return -Math.log((1 - prob) / prob);
}

function fillSpread(parameter: Parameter, rng: Rng, std: number, distribution: Distribution): void {
  if (distribution === 'normal') fillNormal(parameter, rng, 0, std);
  else fillUniform(parameter, rng, -Math.sqrt(3) * std, Math.sqrt(3) * std);
}

function fillWith(parameter: Parameter, draw: () => number): void {
  const values = new Float32Array(parameter.size);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  parameter.fromTorch(values);
}
