import { NetBuilder, type NetSpec } from './netSpec.ts';

export interface FourConvOptions {
  batch?: number;
  /** Rows and columns of the picture, px. */
  size?: number;
  /** Layers of stride 1 after each of the four, for the scaling suite. */
  extraDepth?: number;
}

/** Convolutions 3x3 of 16, 32, 64 and 128 channels, stride 2, each with batch norm and ReLU. */
export function fourConv(options: FourConvOptions = {}): NetSpec {
  const { batch = 4, size = 96, extraDepth = 0 } = options;
  const net = new NetBuilder(batch, [size, size, 3]);
  let x = net.image;
  let channels = 3;
  for (const width of [16, 32, 64, 128]) {
    x = net.norm(width, 'relu')(net.conv(channels, width, 3, { stride: 2 })(x));
    for (let i = 0; i < extraDepth; i++) x = net.norm(width, 'relu')(net.conv(width, width, 3)(x));
    channels = width;
  }
  const layers = 4 * (1 + extraDepth);
  return net.build('4conv', `${layers} convolutions, ${batch}x${size}x${size}x3, 16-32-64-128 channels`, [x]);
}
