// What necks have in common: their arguments, the levels that come in, enlarging one to fit another.

import { resizeBilinear2d, upsampleNearest2d, type Pair, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import type { Module } from '../../nn/index.ts';
import {
  above,
  absent,
  atLeast,
  declareArgs,
  dictOf,
  flag,
  int,
  listOf,
  number,
  oneOf,
  optional,
  orNone,
  required,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { checkFits, sizeOf } from '../levelSizes.ts';

/** Feature maps in, feature maps out. */
export interface Neck extends Module {
  /** @param inputs float32 [B, H, W, C] per level; borrowed @returns new ones */
  forward(inputs: readonly Tensor[]): Tensor[];
}

export const countKind = atLeast(int, 1);

export const inChannelsArg = required(listOf(countKind), 'Channels of each input level.', 'channels');
export const outChannelsArg = required(countKind, 'Channels of each output level.', 'channels');

/**
 * What comes in must be what the config declares.
 * @throws ConfigError of another number of levels or channels
 */
export function checkLevels(declared: readonly number[], inputs: readonly Tensor[]): void {
  if (inputs.length !== declared.length)
    throw new ConfigError(
      `neck.in_channels must have one entry per feature map of the backbone (${inputs.length}), but has ${declared.length}`,
      {
        code: 'bad-value',
        path: 'model.neck.in_channels',
        hint: 'backbone.out_indices says which maps come',
      },
    );
  inputs.forEach((x, i) => checkInputChannels(at(declared, i), x, `neck.in_channels[${i}]`));
}

const UPSAMPLE_KEYS = declareArgs({
  mode: optional(oneOf('nearest', 'bilinear'), 'nearest', 'How pixels in between are made.'),
  scale_factor: absent(orNone(above(number, 0)), 'By how much; None: to the size of the next level.'),
  align_corners: absent(orNone(flag), "Whether the corners' centres stay where they are; of bilinear."),
});

/** What `upsample_cfg` may say. */
export const UPSAMPLE_CFG = dictOf(UPSAMPLE_KEYS);

export interface UpsampleCfg {
  readonly mode?: 'nearest' | 'bilinear';
  readonly scale_factor?: number | null;
  readonly align_corners?: boolean | null;
}

/**
 * Enlarge a level, as torch's `interpolate`.
 * @param target the level that it must fit; it says the size, unless `scale_factor` does
 * @throws ConfigError `bad-size` where they don't fit
 */
export function upsampleTo(x: Tensor, target: Tensor, cfg: UpsampleCfg = {}): Tensor {
  const { mode = 'nearest', align_corners: alignCorners } = cfg;
  const factor = cfg.scale_factor ?? null;
  const size = factor === null ? sizeOf(target) : scaled(sizeOf(x), factor);
  if (factor !== null) checkFits(size, target, 'model.neck');
  if (mode === 'nearest') return upsampleNearest2d(x, size);
  const options = factor === null ? {} : { scale: [factor, factor] as const };
  return resizeBilinear2d(x, size, { ...options, alignCorners: alignCorners === true });
}

function scaled([height, width]: Pair, factor: number): Pair {
  return [Math.floor(height * factor), Math.floor(width * factor)];
}
