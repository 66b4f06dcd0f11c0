import { ConvModule, ModuleList, type ConvModuleArgs } from '../../nn/index.ts';
import type { Tensor } from '../../gpu/index.ts';

/** 3x3 convolutions in a row, as the branches of dense heads have them. */
export function convTower(
  count: number,
  inChannels: number,
  outChannels: number,
  layers: Pick<ConvModuleArgs, 'convCfg' | 'normCfg' | 'actCfg' | 'bias'>,
): ModuleList<ConvModule> {
  return new ModuleList(
    Array.from(
      { length: count },
      (_, i) =>
        new ConvModule({
          ...layers,
          inChannels: i === 0 ? inChannels : outChannels,
          outChannels,
          kernelSize: 3,
          padding: 1,
        }),
    ),
  );
}

/** @param x borrowed @returns a new tensor, or x itself of an empty tower */
export function runTower(tower: ModuleList<ConvModule>, x: Tensor): Tensor {
  return tower.items.reduce((value, conv) => conv.forward(value), x);
}
