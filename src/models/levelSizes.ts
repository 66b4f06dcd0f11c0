// Levels of a pyramid must have sizes that fit each other.

import type { Pair, Tensor } from '../gpu/index.ts';
import { ConfigError } from '../errors/index.ts';
import { take } from '../util/at.ts';

/** [H, W] of float32 [B, H, W, C] */
export function sizeOf(x: Tensor): Pair {
  const [, height, width] = take(x.shape, 3);
  return [height, width];
}

/**
 * @param path the part of the config that joins them
 * @throws ConfigError `bad-size`: a level doesn't have the size of another one
 */
export function checkFits([height, width]: Pair, target: Tensor, path: string): void {
  const [wantedH, wantedW] = sizeOf(target);
  if (height === wantedH && width === wantedW) return;
  throw new ConfigError(
    `the picture's sides must be multiples of the coarsest stride, so that levels fit each other, but ${height}x${width} is not ${wantedH}x${wantedW}`,
    { code: 'bad-size', path, hint: "add dict(type='Pad', size_divisor=32) to the pipelines" },
  );
}
