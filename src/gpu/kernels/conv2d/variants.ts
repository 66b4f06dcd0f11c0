// The ways to compute a convolution's three parts, and the rule that chooses one.
import { handleOrThrow } from '../../engine.ts';
import { spread, type Grid } from '../../program.ts';
import {
  depthwiseFilterGrad,
  depthwiseFilterGradThreads,
  depthwiseForward,
  depthwiseForwardThreads,
  depthwiseInputGrad,
  depthwiseInputGradThreads,
  isDepthwise,
} from '../depthwiseConv2d/programs.wgsl.ts';
import { pickVariant } from '../../variantChoice.ts';
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
import { convLayout, convUniforms, type ConvKind, type ConvVariant, type Epilogue } from './wgsl.ts';

/** What the choice hangs on besides the shape. */
export interface ConvTraits {
  /** Lanes of a subgroup where that is one number on the adapter, else 0: no subgroups. */
  readonly lanes: number;
  readonly isSoftware: boolean;
}

// Threads that keep a device busy; more splits of the filter gradient only add partials to join.
const FILTER_GRAD_THREADS = 4096;

/** How the filter gradient is split over output rows. The same for all variants, so that all give the same bits. */
export function filterGradSplits(shape: ConvShape): { splits: number; rowsPerSplit: number } {
  const rows = shape.batch * shape.outH;
  const threads = isDepthwise(shape) ? depthwiseFilterGradThreads(shape) : plainFilterGradThreads(shape);
  const wanted = Math.ceil(FILTER_GRAD_THREADS / threads);
  const rowsPerSplit = Math.ceil(rows / Math.min(rows, wanted));
  return { splits: Math.ceil(rows / rowsPerSplit), rowsPerSplit };
}

/** All variants that can compute `kind` on an adapter of `traits`; the plain one is always there. */
export function variants(
  kind: ConvKind,
  shape: ConvShape,
  traits: ConvTraits,
  epilogue: Epilogue = { hasBias: false },
): readonly ConvVariant[] {
  const all = [plain(kind, shape, epilogue)];
  if (isDepthwise(shape)) return [...all, depthwise(kind, shape, epilogue)];
  all.push(tiled(kind, shape, epilogue));
  const hasQuads = convLayout(shape).isCVec || isRowMode(shape) || kind === 'inputGrad';
  if (hasQuads && traits.lanes >= 4 && traits.lanes <= 64)
    for (const width of [16, 8] as const)
      all.push(lanes(kind, shape, epilogue, { lanes: traits.lanes, width }));
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
  if (isDepthwise(shape)) return 'depthwise';
  const names = candidates.map(({ name }) => name);
  // Barriers are dear where a program runs the threads one after the other, and free on GPUs; narrow channels would leave
  // most of a tile empty.
  const isWide = Math.min(shape.inC, shape.outC) / shape.groups >= 8;
  if (!traits.isSoftware) return isWide ? 'tiled' : 'plain';
  if (!names.includes('lanes x16')) return 'plain';
  // A tile of 8 channels costs more than half of one of 16: worth it where 16 would be mostly empty.
  const channels = (kind === 'inputGrad' ? shape.inC : shape.outC) / shape.groups;
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

function plain(kind: ConvKind, shape: ConvShape, epilogue: Epilogue): ConvVariant {
  const layout = convLayout(shape);
  const name = 'plain';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = filterGradSplits(shape);
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

function lanes(kind: ConvKind, shape: ConvShape, epilogue: Epilogue, tile: LaneTile): ConvVariant {
  const layout = convLayout(shape);
  const name = `lanes x${tile.width}`;
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = filterGradSplits(shape);
    const { channels, others } = lanesFilterGradTiles(shape, tile);
    const uniforms = convUniforms(shape, others * splits, rowsPerSplit);
    return {
      name,
      program: lanesFilterGrad(layout, tile),
      grid: wideGrid(channels, others * splits),
      uniforms,
    };
  }
  const [program, { channels, others }] =
    kind === 'forward'
      ? [lanesForward(layout, tile, epilogue), lanesForwardTiles(shape, tile)]
      : [lanesInputGrad(layout, tile), lanesInputGradTiles(shape, tile)];
  return { name, program, grid: wideGrid(channels, others), uniforms: convUniforms(shape, others) };
}

// Channels along x, the others along y and, past its limit, z.
function wideGrid(channels: number, others: number): Grid {
  const [y, z] = spread(others);
  return [channels, y, z];
}

function tiled(kind: ConvKind, shape: ConvShape, epilogue: Epilogue): ConvVariant {
  const layout = convLayout(shape);
  const name = 'tiled';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = filterGradSplits(shape);
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

function depthwise(kind: ConvKind, shape: ConvShape, epilogue: Epilogue): ConvVariant {
  const name = 'depthwise';
  if (kind === 'filterGrad') {
    const { splits, rowsPerSplit } = filterGradSplits(shape);
    const threads = depthwiseFilterGradThreads(shape) * splits;
    const uniforms = convUniforms(shape, threads, rowsPerSplit);
    return { name, program: depthwiseFilterGrad(shape), grid: spread(threads / 64), uniforms };
  }
  const [program, threads] =
    kind === 'forward'
      ? [depthwiseForward(shape, epilogue), depthwiseForwardThreads(shape)]
      : [depthwiseInputGrad(shape), depthwiseInputGradThreads(shape)];
  return { name, program, grid: spread(threads / 64), uniforms: convUniforms(shape, threads) };
}
