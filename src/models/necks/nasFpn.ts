// NAS-FPN. Source: Ghiasi et al., "NAS-FPN", 2019; mmdet 2.28.2 `models/necks/nas_fpn.py`; mmcv 1.7.2 `ops/merge_cells.py`.

import {
  add,
  concat,
  maxPool2d,
  mean,
  mul,
  relu,
  sigmoid,
  upsampleNearest2d,
  zeros,
  type Pair,
  type Tensor,
} from '../../gpu/index.ts';
import { invariant } from '../../errors/index.ts';
import { ConvModule, INIT_CFG, Module, ModuleList, NORM_CFG, type LayerCfg } from '../../nn/index.ts';
import {
  atLeast,
  bool,
  declareArgs,
  either,
  int,
  MODELS,
  optional,
  orNone,
  required,
  str,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at, take } from '../../util/at.ts';
import { badValue } from '../backbones/backbone.ts';
import { sizeOf } from '../levelSizes.ts';
import { checkLevels, countKind, inChannelsArg, outChannelsArg, type Neck } from './neck.ts';

const NAS_FPN_ARGS = declareArgs({
  in_channels: inChannelsArg,
  out_channels: outChannelsArg,
  num_outs: required(countKind, 'How many levels come out: 5.', 'levels'),
  stack_times: required(countKind, 'How often the cells are repeated.', 'times'),
  start_level: optional(atLeast(int, 0), 0, 'First input level used.'),
  end_level: optional(int, -1, 'The input level behind the last one used; -1: all.'),
  add_extra_convs: optional(either(bool, str), false, 'Changes nothing, as in MMDetection 2.28.2.'),
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
  init_cfg: optional(orNone(INIT_CFG), { type: 'Caffe2Xavier', layer: 'Conv2d' }, 'What weights start at.'),
});

const LEVELS = 5;

/** A 1x1 convolution and pooling to half the size. */
class ExtraLevel extends Module {
  override readonly className = 'Sequential';
  readonly #conv: ConvModule;

  constructor(channels: number, normCfg: LayerCfg) {
    super();
    const sizes = { inChannels: channels, outChannels: channels, kernelSize: 1 };
    this.#conv = this.addModule('0', new ConvModule({ ...sizes, normCfg, actCfg: null }));
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(this.#conv.forward(x), [2, 2], [2, 2], [0, 0]);
  }
}

type CellKind = 'sum' | 'gp';

/** Two levels brought to one size and joined; then, with channels, ReLU and a 3x3 convolution. */
class MergeCell extends Module {
  override readonly className: string;
  readonly #kind: CellKind;
  readonly #outConv: ConvModule | null = null;

  /** @param channels null: no convolution */
  constructor(kind: CellKind, channels: number | null, normCfg: LayerCfg) {
    super();
    this.className = kind === 'sum' ? 'SumCell' : 'GlobalPoolingCell';
    this.#kind = kind;
    if (channels === null) return;
    const sizes = { inChannels: channels, outChannels: channels, kernelSize: 3, padding: 1 };
    this.#outConv = this.addModule(
      'out_conv',
      new ConvModule({ ...sizes, bias: true, normCfg, actCfg: null }),
    );
  }

  forward(first: Tensor, second: Tensor, size: Pair): Tensor {
    const [a, b] = [resize(first, size), resize(second, size)];
    const joined = this.#kind === 'sum' ? add(a, b) : add(b, mul(sigmoid(mean(b, [1, 2], true)), a));
    return this.#outConv ? this.#outConv.forward(relu(joined)) : joined;
  }
}

/** MMCV's rule: nearest pixels up, maxima down, with zeros around where sizes don't divide. */
function resize(x: Tensor, size: Pair): Tensor {
  const [height, width] = sizeOf(x);
  const [outH, outW] = size;
  if (height === outH && width === outW) return x;
  // As Python compares tuples.
  if (height < outH || (height === outH && width < outW)) return upsampleNearest2d(x, size);
  const padded = pad(pad(x, 1, outH), 2, outW);
  const [paddedH, paddedW] = sizeOf(padded);
  const window = [Math.floor(paddedH / outH), Math.floor(paddedW / outW)] as const;
  return maxPool2d(padded, window, window, [0, 0]);
}

/** Zeros on both sides of an axis, the larger half behind it, up to a multiple of `count`. */
function pad(x: Tensor, axis: 1 | 2, count: number): Tensor {
  const size = at(x.shape, axis);
  const missing = Math.ceil(size / count) * count - size;
  const block = (length: number): Tensor[] =>
    length === 0 ? [] : [zeros(x.shape.map((side, i) => (i === axis ? length : side)))];
  const before = Math.floor(missing / 2);
  return missing === 0 ? x : concat([...block(before), x, ...block(missing - before)], axis);
}

const CELLS = {
  gp_64_4: true,
  sum_44_4: true,
  sum_43_3: true,
  sum_34_4: true,
  gp_43_5: false,
  sum_55_5: true,
  gp_54_7: false,
  sum_77_7: true,
  gp_75_6: true,
} as const;
type CellName = keyof typeof CELLS;
const CELL_NAMES = Object.keys(CELLS) as CellName[];

/** One round of the architecture that was found. */
class NasStage extends Module {
  override readonly className = 'ModuleDict';
  readonly #cells: ReadonlyMap<CellName, MergeCell>;

  constructor(channels: number, normCfg: LayerCfg) {
    super();
    this.#cells = new Map(
      CELL_NAMES.map((name): [CellName, MergeCell] => {
        const kind = name.startsWith('sum') ? 'sum' : 'gp';
        return [name, this.addModule(name, new MergeCell(kind, CELLS[name] ? channels : null, normCfg))];
      }),
    );
  }

  /** @param levels p3 to p7; borrowed @returns p3 to p7, new */
  forward(levels: readonly Tensor[]): Tensor[] {
    const [p3, p4, p5, p6, p7] = take(levels, LEVELS);
    const cell = (name: CellName, first: Tensor, second: Tensor, like: Tensor): Tensor => {
      const merge = this.#cells.get(name);
      invariant(merge, `NASFPN has no cell ${name}`);
      return merge.forward(first, second, sizeOf(like));
    };
    const inner = cell('sum_44_4', cell('gp_64_4', p6, p4, p4), p4, p4);
    const out3 = cell('sum_43_3', inner, p3, p3);
    const out4 = cell('sum_34_4', out3, inner, p4);
    const out5 = cell('sum_55_5', p5, cell('gp_43_5', out4, out3, p5), p5);
    const out7 = cell('sum_77_7', p7, cell('gp_54_7', out5, inner, p7), p7);
    return [out3, out4, out5, cell('gp_75_6', out7, out5, p6), out7];
  }

  override async applyInitCfg(): Promise<void> {
    // PyTorch's ModuleDict has no init_weights.
  }
}

export class NASFPN extends Module implements Neck {
  static readonly args = NAS_FPN_ARGS;
  static readonly part = 'neck';
  override readonly className = 'NASFPN';
  readonly #inChannels: readonly number[];
  readonly #startLevel: number;
  readonly #laterals: ModuleList<ConvModule>;
  readonly #extra: ModuleList<ExtraLevel>;
  readonly #stages: readonly NasStage[];

  constructor(given: ArgsOf<typeof NAS_FPN_ARGS>) {
    super();
    const args = withDefaults(NAS_FPN_ARGS, given);
    const { inChannels, outChannels, numOuts, startLevel, endLevel, normCfg } = args;
    const used = inChannels.slice(startLevel, endLevel === -1 ? undefined : endLevel);
    if (numOuts !== LEVELS || used.length > LEVELS || used.length === 0)
      throw badValue(
        `num_outs must be ${LEVELS}, and from start_level to end_level 1 to ${LEVELS} levels, but got ${numOuts} and ${used.length}`,
      );
    if (endLevel !== -1 && used.length !== numOuts)
      throw badValue(`num_outs must be the levels up to end_level (${used.length}), but got ${numOuts}`);
    this.initCfg = args.initCfg;
    this.#inChannels = inChannels;
    this.#startLevel = startLevel;
    const laterals = used.map(
      (channels) =>
        new ConvModule({ inChannels: channels, outChannels, kernelSize: 1, normCfg, actCfg: null }),
    );
    this.#laterals = this.addModule('lateral_convs', new ModuleList(laterals));
    const extra = Array.from({ length: numOuts - used.length }, () => new ExtraLevel(outChannels, normCfg));
    this.#extra = this.addModule('extra_downsamples', new ModuleList(extra));
    const stages = Array.from({ length: args.stackTimes }, () => new NasStage(outChannels, normCfg));
    this.addModule('fpn_stages', new ModuleList(stages));
    this.#stages = stages;
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const levels = this.#laterals.items.map((conv, i) => conv.forward(at(inputs, i + this.#startLevel)));
    for (const extra of this.#extra.items) levels.push(extra.forward(at(levels, levels.length - 1)));
    return this.#stages.reduce<Tensor[]>((value, stage) => stage.forward(value), levels);
  }
}

MODELS.registerModule()(NASFPN);
