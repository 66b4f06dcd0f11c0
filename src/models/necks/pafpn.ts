// Path aggregation network. Source: Liu et al., "Path Aggregation Network for Instance Segmentation", 2018;
// mmdet 2.28.2 `models/necks/pafpn.py`.

import { add, type Tensor } from '../../gpu/index.ts';
import { ConvModule, initCfgArg, ModuleList } from '../../nn/index.ts';
import { declareArgs, MODELS, withDefaults, type ArgsOf } from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { Pyramid, PYRAMID_TABLE } from './fpn.ts';

const PAFPN_ARGS = declareArgs({ ...PYRAMID_TABLE, init_cfg: initCfgArg });

/** An FPN whose levels are added up once more, from the bottom up. */
export class PAFPN extends Pyramid {
  static readonly args = PAFPN_ARGS;
  override readonly className = 'PAFPN';
  readonly #downsamples: ModuleList<ConvModule>;
  readonly #outs: ModuleList<ConvModule>;

  constructor(given: ArgsOf<typeof PAFPN_ARGS>) {
    const args = withDefaults(PAFPN_ARGS, given);
    super(args);
    const { outChannels, convCfg, normCfg, actCfg } = args;
    const conv = (stride: number): ConvModule =>
      new ConvModule({
        ...{ inChannels: outChannels, outChannels, kernelSize: 3, stride, padding: 1 },
        ...{ convCfg, normCfg, actCfg },
      });
    const steps = Array.from({ length: this.lateralCount - 1 });
    this.#downsamples = this.addModule('downsample_convs', new ModuleList(steps.map(() => conv(2))));
    this.#outs = this.addModule('pafpn_convs', new ModuleList(steps.map(() => conv(1))));
  }

  protected override levels(laterals: readonly Tensor[]): Tensor[] {
    const [lowest, ...higher] = super.levels(laterals);
    if (!lowest) return [];
    let below = lowest;
    return [
      lowest,
      ...higher.map((level, i) => {
        below = add(level, at(this.#downsamples.items, i).forward(below));
        return at(this.#outs.items, i).forward(below);
      }),
    ];
  }
}

MODELS.registerModule()(PAFPN);
