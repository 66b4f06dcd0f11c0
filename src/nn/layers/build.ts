// Layers from `conv_cfg`, `norm_cfg` and `act_cfg`. Sources: mmcv 1.7.2 `cnn/bricks/{conv,norm,activation}.py`.

import type { Activation, Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import type { Module } from '../module.ts';
import { BatchNorm2d } from './batchNorm2d.ts';
import { Conv2d, type Conv2dArgs } from './conv2d.ts';
import { GroupNorm } from './groupNorm.ts';

/** A `conv_cfg`, `norm_cfg` or `act_cfg` dict as the config holds it; null switches the layer off. */
export type LayerCfg = Readonly<Record<string, unknown>> | null;

export interface NormLayer extends Module {
  forward(x: Tensor, activation?: Activation): Tensor;
}

/** Build the convolution that `conv_cfg` asks for; null means `Conv2d`. @throws ConfigError for another type */
export function buildConvLayer(cfg: LayerCfg, args: Conv2dArgs): Conv2d {
  if (cfg !== null && cfg.type !== 'Conv2d' && cfg.type !== 'Conv') {
    throw new ConfigError(`conv_cfg type must be 'Conv2d', but got '${String(cfg.type)}'`, {
      code: 'unsupported',
      hint: 'other convolutions (deformable, 1d, 3d) are not built; remove conv_cfg',
    });
  }
  return new Conv2d(args);
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
  layer.requiresGrad(requiresGrad === true);
  return [`${name}${postfix}`, layer];
}

/** The activation that `act_cfg` asks for; null: none. @throws ConfigError for another type */
export function resolveActivation(cfg: LayerCfg): Activation | undefined {
  if (cfg === null) return undefined;
  if (cfg.type === 'ReLU') return 'relu';
  throw new ConfigError(`act_cfg type must be 'ReLU', but got '${String(cfg.type)}'`, {
    code: 'unsupported',
    hint: "write act_cfg=dict(type='ReLU') or act_cfg=None",
  });
}

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
        affine: args.affine !== false,
        trackRunningStats: args.track_running_stats !== false,
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
