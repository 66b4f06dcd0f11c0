// GFLOP/s of every convolution of the step suite's nets, part by part, against the best matrix product on the same
// adapter. Times are GPU timestamps, the best of several rounds that alternate between kernels; beside them the process's
// CPU time, which tells more on a software adapter whose cores are shared. Then the ops that move memory (suites/ops.ts).
import type { ConvShape } from '../src/gpu/kernels/conv2d/shape.ts';
import type { Tensor } from '../src/gpu/index.ts';
import { NETS, netNamed } from './nets/index.ts';
import type { NetSpec } from './nets/netSpec.ts';
import { markdownTable, type Cell } from './report.ts';
import { measureOps } from './suites/ops.ts';
import { progress, type SuiteOptions, type SuiteResult } from './suites/suite.ts';
import { at, take } from '../src/util/at.ts';

const DEFAULT_ROUNDS = 5;
const MATMUL_SIZES = [512, 1024];
const KINDS = ['forward', 'inputGrad', 'filterGrad'] as const;
type Kind = (typeof KINDS)[number];

/** What can be timed: a kernel on one shape, `count` times in the step of `net`. */
interface Entry {
  readonly net: string;
  readonly kind: Kind | 'matmul' | 'all';
  readonly label: string;
  readonly count: number;
  readonly flops: number;
  readonly run: () => Tensor;
  gpuMs: number;
  cpuMs: number;
  programs: string;
}

/** Convolutions run in this process: nothing but our own engine is measured. */
export async function kernelsSuite(options: SuiteOptions): Promise<SuiteResult> {
  const gpu = await import('../src/gpu/index.ts');
  const conv = await import('../src/gpu/kernels/conv2d/op.ts');
  const { matMulForward } = await import('../src/gpu/kernels/matMul/op.ts');
  const { installNodeGpu } = await import('../src/gpu/device/nodeGpu.ts');
  await installNodeGpu();
  const { name: adapter, isSoftware } = await gpu.initEngine();
  const random = (shape: readonly number[]): Tensor =>
    gpu.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37)),
      shape,
    );

  const entries: Entry[] = MATMUL_SIZES.map((n) => {
    const [a, b] = [random([n, n]), random([n, n])];
    const label = `${n}x${n}x${n}`;
    return entry('', 'matmul', label, 1, 2 * n ** 3, () => matMulForward(a, b, false, false));
  });
  for (const name of options.nets.length > 0 ? options.nets : Object.keys(NETS))
    for (const { shape, count, needsInputGrad } of convolutionsOf(netNamed(name))) {
      const x = random([shape.batch, shape.inH, shape.inW, shape.inC]);
      const w = random([shape.kernelH, shape.kernelW, shape.inC / shape.groups, shape.outC]);
      const dy = random([shape.batch, shape.outH, shape.outW, shape.outC]);
      const run: Record<Kind, () => Tensor> = {
        forward: () => conv.convForward(shape, x, w, null, { hasBias: false }).y,
        inputGrad: () => conv.convInputGrad(shape, dy, w),
        filterGrad: () => conv.convFilterGrad(shape, x, dy),
      };
      for (const kind of KINDS)
        if (kind !== 'inputGrad' || needsInputGrad)
          entries.push(entry(name, kind, labelOf(shape), count, flopsOf(shape), run[kind]));
    }

  const rounds = options.steps ?? DEFAULT_ROUNDS;
  for (let round = -1; round < rounds; round += 1) {
    progress(round < 0 ? `${entries.length} kernels: compiling` : `round ${round + 1} of ${rounds}`);
    for (const e of entries) {
      const before = process.cpuUsage();
      gpu.startProfile();
      gpu.tidy(e.run).dispose();
      await gpu.onIdle();
      const cpu = process.cpuUsage(before);
      const profile = await gpu.endProfile();
      // The first round compiles.
      if (round < 0) continue;
      e.gpuMs = Math.min(
        e.gpuMs,
        profile.reduce((sum, row) => sum + row.gpuMs, 0),
      );
      e.cpuMs = Math.min(e.cpuMs, (cpu.user + cpu.system) / 1000);
      e.programs = profile.map((row) => row.program).join(', ');
    }
  }
  const rows = [...entries.map((e) => rowOf(e, entries)), ...totals(entries)];
  // Their contenders have threads and devices of their own.
  gpu.disposeEngine();
  const ops = await measureOps(options, isSoftware);
  return {
    rows: [...rows, ...ops.rows],
    text: `${table(rows)}\n\n${ops.text}`,
    adapter,
    failures: ops.failures,
  };
}

function entry(
  net: string,
  kind: Entry['kind'],
  label: string,
  count: number,
  flops: number,
  run: () => Tensor,
): Entry {
  return { net, kind, label, count, flops, run, gpuMs: Infinity, cpuMs: Infinity, programs: '' };
}

interface Convolution {
  readonly shape: ConvShape;
  /** How often the net has it. */
  readonly count: number;
  /** False for convolutions of the picture. */
  readonly needsInputGrad: boolean;
}

function convolutionsOf(net: NetSpec): Convolution[] {
  const found = new Map<string, Convolution>();
  net.nodes.forEach((node, i) => {
    if (node.op !== 'conv') return;
    const [inH, inW, inC] = take(at(net.shapes, node.x), 3);
    const [outH, outW, outC] = take(at(net.shapes, i + 1), 3);
    const [, , kernelH, kernelW] = take(at(net.params, node.weight).shape, 4);
    const { stride, padding, groups } = node;
    const shape: ConvShape = {
      ...{ batch: net.batch, inH, inW, inC, outH, outW, outC, kernelH, kernelW, groups },
      ...{ strideH: stride, strideW: stride, padH: padding, padW: padding, dilationH: 1, dilationW: 1 },
    };
    const key = Object.values(shape).join();
    const count = (found.get(key)?.count ?? 0) + 1;
    found.set(key, { shape, count, needsInputGrad: node.x !== 0 });
  });
  return [...found.values()];
}

function labelOf(s: ConvShape): string {
  const groups = s.groups > 1 ? ` g${s.groups}` : '';
  return `${s.batch}x${s.inH}x${s.inW} ${s.inC}-${s.outC} ${s.kernelH}x${s.kernelW} s${s.strideH}${groups}`;
}

const flopsOf = (s: ConvShape): number =>
  2 * s.batch * s.outH * s.outW * s.outC * (s.inC / s.groups) * s.kernelH * s.kernelW;

type Row = Readonly<Record<string, string | number>>;

function rowOf(
  e: Pick<Entry, 'net' | 'kind' | 'label' | 'count' | 'flops' | 'gpuMs' | 'cpuMs' | 'programs'>,
  all: readonly Entry[],
): Row {
  const best = (ms: 'gpuMs' | 'cpuMs'): number =>
    Math.max(...all.filter(({ kind }) => kind === 'matmul').map((m) => m.flops / m[ms]));
  return {
    ...{ net: e.net, kind: e.kind, shape: e.label, count: e.count, gpu_ms: e.gpuMs, cpu_ms: e.cpuMs },
    gflops: e.flops / e.gpuMs / 1e6,
    gflops_per_cpu_s: e.flops / e.cpuMs / 1e6,
    of_best_matmul: e.flops / e.gpuMs / best('gpuMs'),
    of_best_matmul_cpu: e.flops / e.cpuMs / best('cpuMs'),
    programs: e.programs,
  };
}

// Whole nets: every part as often as a step has it.
function totals(entries: readonly Entry[]): Row[] {
  const nets = [...new Set(entries.map(({ net }) => net).filter((net) => net !== ''))];
  return nets.flatMap((net) => {
    const of = (kinds: readonly Kind[]): Row => {
      const chosen = entries.filter((e) => e.net === net && kinds.some((kind) => kind === e.kind));
      const sum = (value: (e: Entry) => number): number =>
        chosen.reduce((total, e) => total + e.count * value(e), 0);
      return rowOf(
        {
          ...{
            net,
            kind: at(kinds, 0),
            label: kinds.length > 1 ? 'all convolutions' : `all, ${at(kinds, 0)}`,
            count: 1,
          },
          ...{
            flops: sum((e) => e.flops),
            gpuMs: sum((e) => e.gpuMs),
            cpuMs: sum((e) => e.cpuMs),
            programs: '',
          },
        },
        entries,
      );
    };
    return [...KINDS.map((kind) => of([kind])), of(KINDS)];
  });
}

function table(rows: readonly Row[]): string {
  const number = (value: string | number | undefined, digits: number): string =>
    Number(value).toFixed(digits);
  const cells = rows.map((row): Cell[] => [
    `${row.net}`,
    `${row.kind}`,
    `${row.shape}`,
    `${row.count}`,
    number(row.gpu_ms, 2),
    number(row.gflops, 1),
    `${number(100 * Number(row.of_best_matmul), 0)} %`,
    number(row.cpu_ms, 2),
    `${number(100 * Number(row.of_best_matmul_cpu), 0)} %`,
  ]);
  return markdownTable(
    [
      'net',
      'kernel',
      'shape',
      'times',
      'GPU ms',
      'GFLOP/s',
      'of best matmul',
      'CPU ms',
      'of best matmul (CPU)',
    ],
    cells,
  );
}
