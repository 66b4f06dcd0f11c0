// Layers from `conv_cfg`, `norm_cfg` and `act_cfg`. Sources: mmcv 1.7.2 `cnn/bricks/{conv,norm,activation}.py`.

import type { Activation, Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { plainTruth } from '../../lang/plain.ts';
import type { Module } from '../module.ts';
import { BatchNorm2d } from './batchNorm2d.ts';
import { Conv2d, type Conv2dArgs } from './conv2d.ts';
import { ConvWS2d } from './convWs2d.ts';
import { GroupNorm } from './groupNorm.ts';

/** A `conv_cfg`, `norm_cfg` or `act_cfg` dict as the config holds it; null switches the layer off. */
export type LayerCfg = Readonly<Record<string, unknown>> | null;

export interface NormLayer extends Module {
  /** @param residual added before the activation; borrowed */
  forward(x: Tensor, activation?: Activation, residual?: Tensor | null): Tensor;
}

/** Build the convolution that `conv_cfg` asks for; null means `Conv2d`. @throws ConfigError for another type */
export function buildConvLayer(cfg: LayerCfg, args: Conv2dArgs): Conv2d {
  switch (cfg?.type) {
    case undefined:
    case 'Conv2d':
    case 'Conv':
      return new Conv2d(args);
    case 'ConvWS':
      return new ConvWS2d(typeof cfg?.eps === 'number' ? { ...args, eps: cfg.eps } : args);
    default:
      throw new ConfigError(`conv_cfg type must be 'Conv2d' or 'ConvWS', but got '${String(cfg?.type)}'`, {
        code: 'unsupported',
        hint: 'other convolutions (deformable, 1d, 3d) are not built; remove conv_cfg',
      });
  }
}

/**
 * Build the norm layer that `norm_cfg` asks for.
 * @param postfix ends the layer's name
 * @returns the name MMCV gives it, such as `bn1` or `gn`, and the layer
 * @example buildNormLayer({ type: 'BN' }, 64, 1)[0] // 'bn1'
 */
export function buildNormLayer(
  cfg: Readonly<Record<string, unknown>>,
  numFeatures: number,
  postfix: number | string = '',
): [string, NormLayer] {
  const { type, requires_grad: requiresGrad = true, ...rest } = cfg;
  const [name, layer] = createNorm(type, rest, numFeatures);
  layer.requiresGrad(plainTruth(requiresGrad));
  return [`${name}${postfix}`, layer];
}

/**
 * The activation that `act_cfg` asks for; null: none. `inplace` is accepted and changes nothing.
 * Source: mmcv 1.7.2 `cnn/bricks/{activation,swish,hsigmoid,hswish}.py`.
 * @throws ConfigError for another type or an argument that the type doesn't take
 */
export function resolveActivation(cfg: LayerCfg): Activation | undefined {
  if (cfg === null) return undefined;
  const { type, ...args } = cfg;
  const known = ACTIVATIONS.get(type);
  if (!known)
    throw new ConfigError(
      `act_cfg type must be one of ${[...ACTIVATIONS.keys()].join(', ')}, but got '${String(type)}'`,
      { code: 'unsupported', hint: "write act_cfg=dict(type='ReLU') or act_cfg=None" },
    );
  const allowed = ['inplace', ...Object.keys(known.fixed ?? {}), ...(type === 'LeakyReLU' ? [SLOPE] : [])];
  for (const [key, value] of Object.entries(args)) {
    if (!allowed.includes(key))
      throw new ConfigError(`act_cfg ${String(type)} got an unexpected argument '${key}'`, {
        code: 'unknown-argument',
        hint: `it takes: ${allowed.join(', ')}`,
      });
    const fixed = known.fixed?.[key];
    if (fixed !== undefined && value !== fixed)
      throw new ConfigError(
        `act_cfg ${String(type)}: ${key} must be ${fixed}, but got ${JSON.stringify(value)}`,
        {
          code: 'unsupported',
        },
      );
  }
  if (type !== 'LeakyReLU') return known.activation;
  return { type: 'leaky_relu', slope: leakySlope(cfg) };
}

const SLOPE = 'negative_slope';

/** The slope of a LeakyReLU below 0; PyTorch's default is 0.01. */
export function leakySlope(cfg: Readonly<Record<string, unknown>>): number {
  const slope = cfg[SLOPE] ?? 0.01;
  if (typeof slope === 'number') return slope;
  throw new ConfigError(`act_cfg negative_slope must be a number, but got ${JSON.stringify(slope)}`, {
    code: 'bad-value',
  });
}

interface KnownActivation {
  readonly activation: Activation;
  /** Arguments that must have these values. */
  readonly fixed?: Readonly<Record<string, number>>;
}

const ACTIVATIONS: ReadonlyMap<unknown, KnownActivation> = new Map<unknown, KnownActivation>([
  ['ReLU', { activation: 'relu' }],
  ['LeakyReLU', { activation: { type: 'leaky_relu', slope: 0.01 } }],
  ['ReLU6', { activation: 'relu6' }],
  ['SiLU', { activation: 'silu' }],
  ['Swish', { activation: 'silu' }],
  ['HSwish', { activation: 'hswish' }],
  ['HSigmoid', { activation: 'hsigmoid', fixed: { bias: 3, divisor: 6, min_value: 0, max_value: 1 } }],
  ['Sigmoid', { activation: 'sigmoid' }],
]);

function createNorm(type: unknown, args: Record<string, unknown>, numFeatures: number): [string, NormLayer] {
  const number = (key: string): number | undefined => {
    const value = args[key];
    if (value === undefined) return undefined;
    if (typeof value === 'number') return value;
    throw new ConfigError(`norm_cfg ${key} must be a number, but got ${JSON.stringify(value)}`, {
      code: 'bad-value',
    });
  };
  const allow = (keys: readonly string[]): void => {
    const unknown = Object.keys(args).find((key) => !keys.includes(key));
    if (unknown !== undefined)
      throw new ConfigError(`norm_cfg ${String(type)} got an unexpected argument '${unknown}'`, {
        code: 'unknown-argument',
        hint: `it takes: ${keys.join(', ')}`,
      });
  };
  switch (type) {
    // With one device, synchronised batch norm is batch norm.
    case 'SyncBN':
    case 'BN':
    case 'BN2d': {
      allow(['eps', 'momentum', 'affine', 'track_running_stats']);
      const layer = new BatchNorm2d({
        numFeatures,
        eps: number('eps'),
        momentum: args.momentum === null ? null : number('momentum'),
        affine: plainTruth(args.affine ?? true),
        trackRunningStats: plainTruth(args.track_running_stats ?? true),
      });
      return ['bn', layer];
    }
    case 'GN': {
      allow(['num_groups', 'eps']);
      const numGroups = number('num_groups');
      if (numGroups === undefined)
        throw new ConfigError("norm_cfg GN is missing the required argument 'num_groups'", {
          code: 'missing-argument',
        });
      return ['gn', new GroupNorm({ numGroups, numChannels: numFeatures, eps: number('eps') })];
    }
    default:
      throw new ConfigError(`norm_cfg type must be 'BN', 'SyncBN' or 'GN', but got '${String(type)}'`, {
        code: 'unsupported',
      });
  }
}
