// MobileNetV2 blocks (Sandler et al., 2018): 1x1 expansion by 6, 3x3 depthwise, 1x1 projection without activation.
import { NetBuilder, type NetSpec } from './netSpec.ts';

// Output channels and stride of each block; the first expands by 1, as in the paper.
const BLOCKS = [
  [16, 1],
  [24, 2],
  [24, 1],
  [32, 2],
  [32, 1],
  [64, 2],
  [64, 1],
  [96, 1],
] as const;
const STEM = 32;

// Behind a batch norm the mean of squares would be 1 whatever the weights are: a last convolution makes it a loss.
const OUT = 16;

/**
 * Stem of 32 channels, stride 2; blocks of 16, 24 24, 32 32, 64 64 and 96 channels at 1/2 to 1/16 of the size; a 1x1
 * convolution to 16 channels.
 */
export function mobilenetV2(batch = 4, size = 96): NetSpec {
  const net = new NetBuilder(batch, [size, size, 3]);
  let x = net.norm(STEM, 'relu6')(net.conv(3, STEM, 3, { stride: 2 })(net.image));
  let channels = STEM;
  BLOCKS.forEach(([width, stride], i) => {
    x = block(net, x, { channels, width, stride, expansion: i === 0 ? 1 : 6 });
    channels = width;
  });
  const out = net.conv(channels, OUT, 1, { hasBias: true })(x);
  return net.build('mobilenetv2', `8 MobileNetV2 blocks, ${batch}x${size}x${size}x3`, [out]);
}

interface BlockOptions {
  readonly channels: number;
  readonly width: number;
  readonly stride: number;
  readonly expansion: number;
}

function block(net: NetBuilder, x: number, { channels, width, stride, expansion }: BlockOptions): number {
  const wide = channels * expansion;
  const expanded = expansion === 1 ? x : net.norm(wide, 'relu6')(net.conv(channels, wide, 1)(x));
  const filtered = net.conv(wide, wide, 3, { stride, isDepthwise: true })(expanded);
  const projected = net.norm(width)(net.conv(wide, width, 1)(net.norm(wide, 'relu6')(filtered)));
  return stride === 1 && channels === width ? net.add(x, projected) : projected;
}
