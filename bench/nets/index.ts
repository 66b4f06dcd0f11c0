import { fourConv } from './fourConv.ts';
import { mobilenetV2 } from './mobilenetV2.ts';
import type { NetSpec } from './netSpec.ts';
import { retinanetSmall } from './retinanetSmall.ts';
import { at } from '../../src/util/at.ts';

/** The nets of the step suite, by name. */
export const NETS: Readonly<Record<string, () => NetSpec>> = {
  '4conv': () => fourConv(),
  retinanet_small: () => retinanetSmall(),
  mobilenetv2: () => mobilenetV2(),
};

/** @throws Error for an unknown name */
export function netNamed(name: string): NetSpec {
  const make = NETS[name];
  if (!make) throw new Error(`no net is called '${name}': there are ${Object.keys(NETS).join(', ')}`);
  return make();
}

/** Shapes of `count` parameters, those of the small RetinaNet (a quarter-width ResNet-18) over and over. */
export function parameterShapes(count: number): (readonly number[])[] {
  const { params } = retinanetSmall();
  return Array.from({ length: count }, (_, i) => at(params, i % params.length).shape);
}
