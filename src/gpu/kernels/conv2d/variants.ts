// The ways to compute a convolution's three parts, and the rule that chooses one.
import { handleOrThrow } from '../../device/handle.ts';
import { spread, type Grid } from '../../dispatch/program.ts';
import {
  depthwiseFilterGrad,
  depthwiseFilterGradThreads,
  depthwiseForward,
  depthwiseForwardSteps,
  depthwiseForwardThreads,
  depthwiseInputGrad,
  depthwiseInputGradSteps,
  depthwiseInputGradThreads,
  isDepthwise,
} from '../depthwiseConv2d/programs.wgsl.ts';
import { pickVariant } from '../../dispatch/variantChoice.ts';
import {
  isRowMode,
  lanesFilterGrad,
  lanesFilterGradTiles,
  lanesForward,
  lanesForwardTiles,
  lanesInputGrad,
  lanesInputGradTiles,
  type LaneTile,
} from './lanes.wgsl.ts';
import {
  plainFilterGrad,
  plainFilterGradThreads,
  plainForward,
  plainForwardThreads,
  plainInputGrad,
  plainInputGradThreads,
} from './plain.wgsl.ts';
import type { ConvShape } from './shape.ts';
import {
  tiledFilterGrad,
  tiledFilterGradGrid,
  tiledForward,
  tiledForwardGrid,
  tiledInputGrad,
  tiledInputGradGrid,
} from './tiled.wgsl.ts';
import {
  convLayout,
  convUniforms,
  MAX_QUOTIENT,
  type ConvKind,
  type ConvVariant,
  type Epilogue,
} from './wgsl.ts';

/** What the choice hangs on besides the shape. */
export interface ConvTraits {
  /** Lanes of a subgroup where that is one number on the adapter, else 0: no subgroups. */
  readonly lanes: number;
  readonly isSoftware: boolean;
}

// What keeps a GPU of some hundred cores busy: threads of a program without workgroup memory, workgroups of `tiled`.
const GPU_THREADS = 16_384;
const GPU_GROUPS = 256;
// A software adapter has a handful of cores: this many workgroups do, and most filter gradients have them without a split.
const SOFTWARE_GROUPS = 8;
// Float32 sums of more values one after the other lose a digit that other frameworks keep.
const MAX_PIXELS_PER_SPLIT = 4096;
// All partials together: half of what every device binds at once.
const MAX_PARTIAL_BYTES = 2 ** 26;

/** How the filter gradient is split over output rows. The same for all variants, so that all give the same bits. */
export function filterGradSplits(
  shape: ConvShape,
  isSoftware: boolean,
): { splits: number; rowsPerSplit: number } {
  const rows = shape.batch * shape.outH;
  const pixels = rows * shape.outW;
  const filterBytes = (4 * shape.kernelH * shape.kernelW * shape.inC * shape.outC) / shape.groups;
  const wanted = Math.min(
    Math.max(isSoftware ? softwareSplits(shape) : gpuSplits(shape), Math.ceil(pixels / MAX_PIXELS_PER_SPLIT)),
    Math.max(1, Math.floor(MAX_PARTIAL_BYTES / filterBytes)),
  );
  const rowsPerSplit = Math.ceil(rows / Math.min(rows, wanted));
  return { splits: Math.ceil(rows / rowsPerSplit), rowsPerSplit };
}

const threadsOf = (shape: ConvShape): number =>
  isDepthwise(shape) ? depthwiseFilterGradThreads(shape) : plainFilterGradThreads(shape);

function softwareSplits(shape: ConvShape): number {
  // Workgroups are 64 threads of the depthwise program, or a tile of 8 lanes x 16 channels.
  const tile = lanesFilterGradTiles(shape, { lanes: 8, width: 16 });
  const groups = isDepthwise(shape) ? threadsOf(shape) / 64 : tile.channels * tile.others;
  return Math.max(1, Math.round(SOFTWARE_GROUPS / groups));
}

function gpuSplits(shape: ConvShape): number {
  const byThreads = Math.ceil(GPU_THREADS / threadsOf(shape));
  if (isDepthwise(shape)) return byThreads;
  const { channels, others } = tiledFilterGradGrid(shape);
  return Math.max(byThreads, Math.ceil(GPU_GROUPS / (channels * others)));
}

/** All variants that can compute `kind` on an adapter of `traits`; the plain one is always there. */
export function variants(
  kind: ConvKind,
  shape: ConvShape,
  traits: ConvTraits,
  epilogue: Epilogue = { hasBias: false },
): readonly ConvVariant[] {
  const part: Part = { kind, shape, epilogue, split: filterGradSplits(shape, traits.isSoftware) };
  const all = [plain(part)];
  if (isDepthwise(shape)) return [...all, ...depthwise(part)];
  all.push(tiled(part));
  const hasQuads = convLayout(shape).isCVec || isRowMode(shape) || kind === 'inputGrad';
  // Their whole numbers are divided as floats.
  const pixels = shape.batch * Math.max(shape.inH * shape.inW, shape.outH * shape.outW);
  const isSmall = pixels < MAX_QUOTIENT;
  if (hasQuads && isSmall && traits.lanes >= 4 && traits.lanes <= 64)
    for (const width of [16, 8] as const) all.push(lanes(part, { lanes: traits.lanes, width }));
  return all;
}

/** The name of the variant to run: what was measured, else a rule. */
export function chooseVariant(
  kind: ConvKind,
  shape: ConvShape,
  candidates: readonly ConvVariant[],
  traits: ConvTraits,
): string {
  return pickVariant(variantKey(kind, shape), candidates, byRule(kind, shape, candidates, traits));
}

/** Names one part of one convolution for {@link chooseVariant}'s memory. */
export function variantKey(kind: ConvKind, shape: ConvShape): string {
  return `conv2d ${kind} ${Object.values(shape).join()}`;
}

function byRule(
  kind: ConvKind,
  shape: ConvShape,
  candidates: readonly ConvVariant[],
  traits: ConvTraits,
): string {
  const names = candidates.map(({ name }) => name);
  if (names.includes('depthwise')) return 'depthwise';
  // Barriers are dear where a program runs the threads one after the other, and free on GPUs; narrow channels would leave
  // most of a tile empty.
  const isWide = Math.min(shape.inC, shape.outC) / shape.groups >= 8;
  if (!traits.isSoftware) return isWide ? 'tiled' : 'plain';
  if (!names.includes('lanes x16')) return 'plain';
  const channels = (kind === 'inputGrad' ? shape.inC : shape.outC) / shape.groups;
  // A group of 4 channels leaves half of the smallest tile empty.
  if (shape.groups > 1 && channels <= 4) return 'plain';
  // A tile of 8 channels costs more than half of one of 16: worth it where 16 would be mostly empty.
  return Math.ceil(channels / 8) * 1.25 <= Math.ceil(channels / 16) * 2 ? 'lanes x8' : 'lanes x16';
}

/** The traits of the adapter in use. */
export function convTraits(): ConvTraits {
  const { device, info } = handleOrThrow();
  const adapter: Partial<GPUAdapterInfo> | undefined = device.adapterInfo;
  const { subgroupMinSize = 0, subgroupMaxSize = -1 } = adapter ?? {};
  const hasOneSize = device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
  return { lanes: hasOneSize ? subgroupMinSize : 0, isSoftware: info.isSoftware };
}

interface Part {
  readonly kind: ConvKind;
  readonly shape: ConvShape;
  readonly epilogue: Epilogue;
  readonly split: ReturnType<typeof filterGradSplits>;
}

function plain({ kind, shape, epilogue, split }: Part): ConvVariant {
  const layout = convLayout(shape);
  const name = 'plain';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = split;
    const threads = plainFilterGradThreads(shape) * splits;
    const uniforms = convUniforms(shape, threads, rowsPerSplit);
    return { name, program: plainFilterGrad(layout), grid: spread(threads / 64), uniforms };
  }
  const [program, threads] =
    kind === 'forward'
      ? [plainForward(layout, epilogue), plainForwardThreads(shape)]
      : [plainInputGrad(layout), plainInputGradThreads(shape)];
  return { name, program, grid: spread(threads / 64), uniforms: convUniforms(shape, threads) };
}

function lanes({ kind, shape, epilogue, split }: Part, tile: LaneTile): ConvVariant {
  const layout = convLayout(shape);
  const name = `lanes x${tile.width}`;
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = split;
    const { channels, others } = lanesFilterGradTiles(shape, tile);
    const uniforms = convUniforms(shape, others * splits, rowsPerSplit);
    return {
      name,
      program: lanesFilterGrad(layout, tile),
      grid: wideGrid(channels, others * splits),
      uniforms,
    };
  }
  const isPoint = shape.kernelH * shape.kernelW === 1;
  const [program, { channels, others }] =
    kind === 'forward'
      ? [lanesForward(layout, tile, epilogue, isPoint), lanesForwardTiles(shape, tile)]
      : [lanesInputGrad(layout, tile), lanesInputGradTiles(shape, tile)];
  return { name, program, grid: wideGrid(channels, others), uniforms: convUniforms(shape, others) };
}

// Channels along x, the others along y and, past its limit, z.
function wideGrid(channels: number, others: number): Grid {
  const [y, z] = spread(others);
  return [channels, y, z];
}

function tiled({ kind, shape, epilogue, split }: Part): ConvVariant {
  const layout = convLayout(shape);
  const name = 'tiled';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = split;
    const { channels, others } = tiledFilterGradGrid(shape);
    const uniforms = convUniforms(shape, others * splits, rowsPerSplit);
    return { name, program: tiledFilterGrad(layout), grid: wideGrid(channels, others * splits), uniforms };
  }
  const [program, { channels, others }] =
    kind === 'forward'
      ? [tiledForward(layout, epilogue), tiledForwardGrid(shape)]
      : [tiledInputGrad(layout), tiledInputGradGrid(shape)];
  return { name, program, grid: wideGrid(channels, others), uniforms: convUniforms(shape, others) };
}

/** None where there are more strips, or pictures, than its threads can be divided into. */
function depthwise({ kind, shape, epilogue, split }: Part): ConvVariant[] {
  const name = 'depthwise';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = split;
    if (Math.max(splits, shape.batch) > MAX_QUOTIENT) return [];
    const threads = depthwiseFilterGradThreads(shape) * splits;
    const uniforms = convUniforms(shape, threads, rowsPerSplit);
    return [{ name, program: depthwiseFilterGrad(shape), grid: spread(threads / 64), uniforms }];
  }
  const [program, threads, steps] =
    kind === 'forward'
      ? [depthwiseForward(shape, epilogue), depthwiseForwardThreads(shape), depthwiseForwardSteps(shape)]
      : [depthwiseInputGrad(shape), depthwiseInputGradThreads(shape), depthwiseInputGradSteps(shape)];
  const strips = threads / (shape.inC / 4);
  if (strips >= MAX_QUOTIENT) return [];
  return [{ name, program, grid: spread(threads / 64), uniforms: convUniforms(shape, threads, steps) }];
}
