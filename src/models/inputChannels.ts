import type { Tensor } from '../gpu/index.ts';
import { ConfigError } from '../errors/index.ts';

/**
 * Tell a person whose parts don't fit together, before a convolution can't be run.
 * @param declared what the config says
 * @param x float32 [B, H, W, C]; borrowed
 * @param key the config key below `model`, such as `neck.in_channels[1]`
 * @throws ConfigError `channel-mismatch`
 */
export function checkInputChannels(declared: number, x: Tensor, key: string): void {
  const actual = x.shape[3];
  if (actual === declared) return;
  throw new ConfigError(`${key} must be the channels that come in, ${actual}, but it is ${declared}`, {
    code: 'channel-mismatch',
    path: `model.${key}`,
    hint: `write ${actual} there, or change the part before it`,
  });
}
