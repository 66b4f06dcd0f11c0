// Backbone, neck and head of shared/anchors/bccd_retinanet_small.json: ResNet-18 at a quarter of its width, FPN 32 from
// C3 with two extra levels on the input, RetinaNet head of 2 + 1 convolutions per branch (9 anchors, 3 classes).
import { NetBuilder, type NetSpec } from './netSpec.ts';
import { at } from '../../src/util/at.ts';

const BASE = 16;
const NECK = 32;
const ANCHORS = 9;
const CLASSES = 3;

/** Pictures of 160x120, padded to a multiple of 32 as the config's pipeline does. */
export function retinanetSmall(batch = 8): NetSpec {
  const net = new NetBuilder(batch, [128, 160, 3]);
  const levels = resnet18(net);
  const features = fpn(net, levels);
  const outputs = head(net, features);
  return net.build('retinanet_small', `RetinaNet R18/4, ${batch}x128x160x3`, outputs);
}

/** @returns C2 to C5 */
function resnet18(net: NetBuilder): number[] {
  const stem = net.norm(BASE, 'relu')(net.conv(3, BASE, 7, { stride: 2 })(net.image));
  let x = net.maxPool(stem);
  let channels = BASE;
  return [1, 2, 4, 8].map((factor, stage) => {
    const width = BASE * factor;
    x = basicBlock(net, x, channels, width, stage === 0 ? 1 : 2);
    x = basicBlock(net, x, width, width, 1);
    channels = width;
    return x;
  });
}

function basicBlock(net: NetBuilder, x: number, channels: number, width: number, stride: number): number {
  const first = net.norm(width, 'relu')(net.conv(channels, width, 3, { stride })(x));
  const second = net.norm(width)(net.conv(width, width, 3)(first));
  const isPlain = stride === 1 && channels === width;
  const identity = isPlain ? x : net.norm(width)(net.conv(channels, width, 1, { stride })(x));
  return net.relu(net.add(second, identity));
}

function fpn(net: NetBuilder, levels: readonly number[]): number[] {
  const maps = levels.slice(1).map((x, i) => net.conv(BASE * 2 ** (i + 1), NECK, 1, { hasBias: true })(x));
  for (let i = maps.length - 1; i > 0; i--) maps[i - 1] = net.add(at(maps, i - 1), net.upsample(at(maps, i)));
  const features = maps.map((x) => net.conv(NECK, NECK, 3, { hasBias: true })(x));
  const extra = { stride: 2, hasBias: true };
  features.push(net.conv(8 * BASE, NECK, 3, extra)(at(levels, 3)));
  features.push(net.conv(NECK, NECK, 3, extra)(at(features, 3)));
  return features;
}

function head(net: NetBuilder, features: readonly number[]): number[] {
  const tower = { hasBias: true, activation: 'relu' } as const;
  const branch = (out: number): ((x: number) => number) => {
    const layers = [
      net.conv(NECK, NECK, 3, tower),
      net.conv(NECK, NECK, 3, tower),
      net.conv(NECK, ANCHORS * out, 3, { hasBias: true }),
    ];
    return (x) => layers.reduce((value, layer) => layer(value), x);
  };
  const [classes, boxes] = [branch(CLASSES), branch(4)];
  return features.flatMap((x) => [classes(x), boxes(x)]);
}
