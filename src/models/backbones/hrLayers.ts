// What joins HRNet's resolutions. Source: mmdet 2.28.2 `models/backbones/hrnet.py`.

import { upsampleNearest2d, type Tensor } from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  ConvNormSequential,
  Module,
  PlainSequential,
  type ConvNorm,
  type Layer,
  type LayerCfg,
} from '../../nn/index.ts';
import { at } from '../../util/at.ts';
import { checkFits, sizeOf } from '../levelSizes.ts';

export interface LayerCfgs {
  readonly convCfg: LayerCfg;
  readonly normCfg: Readonly<Record<string, unknown>>;
}

/** PyTorch's `ModuleList` with places that are None. */
export class SparseList extends Module {
  override readonly className = 'ModuleList';
  readonly #items: readonly (Module | null)[];

  constructor(items: readonly (Module | null)[]) {
    super();
    this.#items = items;
    items.forEach((item, i) => item && this.addModule(String(i), item));
  }

  /** Branches of the next stage: a layer of its own makes one of the branch at its place, or of the last one there is. */
  spread(branches: readonly Tensor[]): Tensor[] {
    return this.#items.map((item, i) => {
      const source = at(branches, Math.min(i, branches.length - 1));
      // Transitions are made of nothing else.
      return item === null ? source : (item as Module & Layer).forward(source);
    });
  }

  override async applyInitCfg(): Promise<void> {
    // PyTorch's has no init_weights.
  }
}

function convNorm(
  inChannels: number,
  outChannels: number,
  { convCfg, normCfg }: LayerCfgs,
  kernel: { readonly size: 1 | 3; readonly stride: 1 | 2 },
): ConvNorm {
  const conv = buildConvLayer(convCfg, {
    ...{ inChannels, outChannels, kernelSize: kernel.size, stride: kernel.stride },
    ...{ padding: (kernel.size - 1) / 2, bias: false },
  });
  return { conv, norm: buildNormLayer(normCfg, outChannels)[1] };
}

const DOWN = { size: 3, stride: 2 } as const;
const relu = { activation: 'relu' } as const;

/** From the branches of one stage to those of the next, which has one more of half the size. */
export function transitionLayer(
  before: readonly number[],
  after: readonly number[],
  cfgs: LayerCfgs,
): SparseList {
  return new SparseList(
    after.map((channels, i) => {
      const own = before[i];
      if (own === channels) return null;
      if (own !== undefined)
        return new ConvNormSequential([
          { ...convNorm(own, channels, cfgs, { size: 3, stride: 1 }), ...relu },
        ]);
      const last = at(before, before.length - 1);
      const steps = i + 1 - before.length;
      return new PlainSequential(
        Array.from({ length: steps }, (_, k) => {
          const to = k === steps - 1 ? channels : last;
          return new ConvNormSequential([{ ...convNorm(last, to, cfgs, DOWN), ...relu }]);
        }),
      );
    }),
  );
}

export interface FuseLayer extends Module {
  /** @param target the branch that it is added to; borrowed @returns of its size and channels, new */
  forward(x: Tensor, target: Tensor): Tensor;
}

/** A coarser branch: 1x1 convolution, then as large as a finer one. */
class Enlarge extends ConvNormSequential implements FuseLayer {
  readonly #factor: number;

  constructor(step: ConvNorm, factor: number) {
    super([step]);
    this.#factor = factor;
  }

  override forward(x: Tensor, target?: Tensor): Tensor {
    const y = super.forward(x);
    const [height, width] = sizeOf(y);
    const size = [height * this.#factor, width * this.#factor] as const;
    if (target) checkFits(size, target, 'model.backbone');
    return upsampleNearest2d(y, size);
  }
}

/** What makes branch `to` of branch `from`; null: it is the same one. */
export function fuseLayer(
  channels: readonly number[],
  from: number,
  to: number,
  cfgs: LayerCfgs,
): FuseLayer | null {
  const [own, target] = [at(channels, from), at(channels, to)];
  if (from === to) return null;
  if (from > to) return new Enlarge(convNorm(own, target, cfgs, { size: 1, stride: 1 }), 2 ** (from - to));
  const steps = to - from;
  return new PlainSequential(
    Array.from({ length: steps }, (_, k) => {
      const isLast = k === steps - 1;
      const step = convNorm(own, isLast ? target : own, cfgs, DOWN);
      return new ConvNormSequential([isLast ? step : { ...step, ...relu }]);
    }),
  );
}
