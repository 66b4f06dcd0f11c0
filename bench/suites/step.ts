// One training step of each net: our compiled and eager step, stock tfjs, jax-js, PyTorch, side by side.
import type { ContenderName, Loaded } from '../contenders/contender.ts';
import { NETS } from '../nets/index.ts';
import { stepFlops, type NetSpec } from '../nets/netSpec.ts';
import { markdownTable, megabytes, ratio, shortNumber, type Cell } from '../report.ts';
import { bestOf, medianOf, runRounds, type Result } from '../rounds.ts';
import { adapterOf, progress, type SuiteOptions, type SuiteResult } from './suite.ts';
import { at, take } from '../../src/util/at.ts';

/** Losses of the first step may differ by this much, relatively: float32 sums in another order. */
const FIRST_LOSS_TOLERANCE = 1e-3;
/** The fall of the loss over two updates; shows that gradients and optimizers agree. */
const FALL_TOLERANCE = 0.02;
const DEFAULT_STEPS = 10;
const OURS: readonly ContenderName[] = ['compiled', 'eager'];
/** Columns of the report, in order. */
const NAMES: readonly ContenderName[] = ['compiled', 'eager', 'tfjs', 'jaxjs', 'torch_cpu', 'torch_cuda'];

export async function stepSuite(options: SuiteOptions): Promise<SuiteResult> {
  const rows: StepRow[] = [];
  const failures: string[] = [];
  const parts: string[] = [];
  let adapter: string | null = null;
  for (const name of options.nets.length > 0 ? options.nets : Object.keys(NETS)) {
    const make = NETS[name];
    if (!make) throw new Error(`--nets takes ${Object.keys(NETS).join(', ')}, but got '${name}'`);
    const net = make();
    const measured = await measureStep(net, options);
    adapter ??= adapterOf(measured.results.map(({ loaded }) => loaded));
    rows.push(measured.row);
    failures.push(...measured.failures);
    parts.push(netText(net, measured));
  }
  return { rows, text: [summary(rows), ...parts].join('\n\n'), adapter, failures };
}

/** JSON of one net: for each contender `<name>_ms` (median), `_best_ms`, `_js_ms`, `_cpu_ms`, `_peak_bytes`… */
export type StepRow = Readonly<Record<string, unknown>> & {
  readonly net: string;
  readonly ratios: Readonly<Record<string, number | null>>;
};

interface Measured {
  readonly row: StepRow;
  readonly results: readonly Result[];
  readonly missing: Readonly<Record<string, string>>;
  readonly failures: readonly string[];
  /** Peers that compute something else than all others do: their times stand, with a note. */
  readonly deviations: readonly string[];
}

/** Measure one net with the contenders wanted, and the best matrix product in the same rounds. */
export async function measureStep(net: NetSpec, options: SuiteOptions): Promise<Measured> {
  progress(`${net.name}: ${net.title}`);
  const missing: Record<string, string> = {};
  for (const name of NAMES) if (!options.peers.includes(name)) missing[name] = 'not asked for (--peers)';
  const onMissing = (name: ContenderName, why: string): void => {
    missing[name] = why;
    progress(`  ${name}: ${why}`);
  };
  const onLoaded = (name: ContenderName, { firstStepMs, values }: Loaded): void => {
    progress(
      `  ${name}: first step after ${shortNumber(firstStepMs / 1000)} s, loss ${at(values, 0).toPrecision(6)}`,
    );
  };
  const steps = options.steps ?? DEFAULT_STEPS;
  const { places } = options;
  const pipelined = ['compiled', 'eager'] as const;
  const job = { kind: 'net', net } as const;
  // The best matrix product runs in the same rounds: a share of it means little when the two met different loads.
  const names = [...options.peers, 'matmul'] as const;
  const all = await runRounds({ names, job, steps, pipelined, places, onLoaded, onMissing });
  const results = all.filter(({ name }) => name !== 'matmul');
  const matmul = all.find(({ name }) => name === 'matmul');
  const { failures, deviations } = disagreements(net, results);
  for (const name of OURS)
    if (options.peers.includes(name) && name in missing)
      failures.push(`${net.name}: ${name} gave no number: ${missing[name]}`);
  return {
    row: { ...rowOf(net, results, matmul, missing), deviations },
    results,
    missing,
    failures,
    deviations,
  };
}

function rowOf(
  net: NetSpec,
  results: readonly Result[],
  matmul: Result | undefined,
  missing: Readonly<Record<string, string>>,
): StepRow {
  const of = (name: ContenderName): Result | undefined => results.find((result) => result.name === name);
  const row: Record<string, unknown> = { net: net.name, title: net.title };
  for (const name of NAMES) {
    const result = of(name);
    row[`${name}_ms`] = medianOf(result, 'wallMs');
    row[`${name}_best_ms`] = bestOf(result, 'wallMs');
    // jax-js hands its commands over while it is waited for: no share of it can be told apart.
    row[`${name}_js_ms`] = name === 'jaxjs' ? null : medianOf(result, 'jsMs');
    row[`${name}_cpu_ms`] = medianOf(result, 'cpuMs');
    row[`${name}_first_step_ms`] = result?.loaded.firstStepMs ?? null;
    row[`${name}_peak_bytes`] = result?.report.peakBytes ?? null;
    row[`${name}_dispatches`] = result?.report.dispatches ?? null;
    row[`${name}_pipelined_ms`] = result?.pipelinedMs ?? null;
  }
  const flops = stepFlops(net);
  const gflops = perMs(flops, medianOf(of('compiled'), 'wallMs'));
  const bestMatmul = gflopsOf(matmul, 'wallMs');
  return {
    ...row,
    net: net.name,
    conv_flops: flops,
    compiled_gflops: gflops,
    best_matmul_gflops: bestMatmul,
    losses: Object.fromEntries(results.map(({ name, loaded }) => [name, loaded.values])),
    about: Object.fromEntries(results.map(({ name, loaded }) => [name, loaded.about])),
    ratios: {
      ...ratios(of),
      compiled_gflops_of_best_matmul: ratio(gflops, bestMatmul),
      compiled_best_gflops_of_best_matmul: ratio(perMs(flops, bestOf(of('compiled'), 'wallMs')), bestMatmul),
      // Per second of CPU time: on a software adapter that is shared with other work.
      compiled_gflops_of_best_matmul_cpu: ratio(
        perMs(flops, medianOf(of('compiled'), 'cpuMs')),
        gflopsOf(matmul, 'cpuMs'),
      ),
    },
    missing,
  };
}

/** The best rate of a matrix product, whose steps tell their GFLOP. */
function gflopsOf(result: Result | undefined, key: 'wallMs' | 'cpuMs'): number | null {
  return result ? perMs(1e9 * at(result.loaded.values, 0), bestOf(result, key)) : null;
}

/** GFLOP/s. */
function perMs(flops: number, ms: number | null): number | null {
  return ms === null ? null : flops / ms / 1e6;
}

/** How many times slower each is than our compiled step, by wall and by CPU time, and the shares the issue asks for. */
function ratios(of: (name: ContenderName) => Result | undefined): Record<string, number | null> {
  const found: Record<string, number | null> = {};
  const ours = of('compiled');
  for (const name of NAMES.slice(1)) {
    found[`${name}_over_compiled`] = ratio(medianOf(of(name), 'wallMs'), medianOf(ours, 'wallMs'));
    found[`${name}_over_compiled_best`] = ratio(bestOf(of(name), 'wallMs'), bestOf(ours, 'wallMs'));
    found[`${name}_over_compiled_cpu`] = ratio(medianOf(of(name), 'cpuMs'), medianOf(ours, 'cpuMs'));
  }
  found.compiled_js_over_eager_js = ratio(medianOf(ours, 'jsMs'), medianOf(of('eager'), 'jsMs'));
  found.compiled_js_over_eager_js_best = ratio(bestOf(ours, 'jsMs'), bestOf(of('eager'), 'jsMs'));
  found.compiled_peak_over_tfjs_peak = ratio(
    ours?.report.peakBytes ?? null,
    of('tfjs')?.report.peakBytes ?? null,
  );
  return found;
}

/**
 * Contenders whose losses differ: they don't run the same net. A peer that stands alone, against ours and at least one
 * other library, has a bug of its own; anything else is a failure.
 */
function disagreements(
  net: NetSpec,
  results: readonly Result[],
): { failures: string[]; deviations: string[] } {
  const [reference] = take(results, 1);
  const differences = new Map<ContenderName, string[]>();
  for (const { name, loaded } of results) {
    const [mine, theirs] = [loaded.values, reference.loaded.values];
    const found: string[] = [];
    const say = (what: string, a: number, b: number): void => {
      found.push(`${net.name}: the ${what} of ${name} is ${a}, that of ${reference.name} ${b}`);
    };
    if (!isNear(at(mine, 0), at(theirs, 0), FIRST_LOSS_TOLERANCE))
      say('first loss', at(mine, 0), at(theirs, 0));
    const [fall, expected] = [at(mine, 0) - at(mine, 2), at(theirs, 0) - at(theirs, 2)];
    if (!isNear(fall, expected, FALL_TOLERANCE)) say('fall of the loss in two updates', fall, expected);
    if (found.length > 0) differences.set(name, found);
  }
  const isPeer = (name: ContenderName): boolean => !OURS.includes(name);
  const agreeing = results.filter(({ name }) => isPeer(name) && !differences.has(name));
  const isAlone = differences.size === 1 && isPeer(at([...differences.keys()], 0)) && agreeing.length > 0;
  const all = [...differences.values()].flat();
  return isAlone ? { failures: [], deviations: all } : { failures: all, deviations: [] };
}

// Written so that NaN is far from everything.
function isNear(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance * Math.abs(b);
}

function summary(rows: readonly StepRow[]): string {
  const column = (row: StepRow, key: string): Cell => row[key] as Cell;
  return markdownTable(
    [
      'net, median ms per step',
      ...NAMES,
      'tfjs / compiled',
      'jaxjs / compiled',
      'compiled GFLOP/s',
      'best matmul',
      'share (median, CPU)',
    ],
    rows.map((row) => [
      row.net,
      ...NAMES.map((name) => column(row, `${name}_ms`)),
      times(row.ratios.tfjs_over_compiled),
      times(row.ratios.jaxjs_over_compiled),
      column(row, 'compiled_gflops'),
      column(row, 'best_matmul_gflops'),
      `${percent(row.ratios.compiled_gflops_of_best_matmul)}, ${percent(row.ratios.compiled_gflops_of_best_matmul_cpu)}`,
    ]),
  );
}

function percent(value: number | null | undefined): string {
  return typeof value !== 'number' ? '–' : `${Math.round(100 * value)} %`;
}

function times(value: number | null | undefined): Cell {
  return typeof value !== 'number' ? null : `${shortNumber(value)}x`;
}

function netText(net: NetSpec, { row, results, missing, deviations }: Measured): string {
  const { ratios: found } = row;
  const table = markdownTable(
    [
      `${net.name}`,
      'median ms',
      'best ms',
      'pipelined ms',
      'JS ms',
      'CPU ms',
      'times ours (median, best, CPU)',
      'dispatches',
      'peak MB',
      'first step ms',
      'loss 1',
      'loss 3',
    ],
    results.map(({ name, loaded, report, pipelinedMs }) => [
      name,
      row[`${name}_ms`] as Cell,
      row[`${name}_best_ms`] as Cell,
      pipelinedMs,
      row[`${name}_js_ms`] as Cell,
      row[`${name}_cpu_ms`] as Cell,
      ['', '_best', '_cpu']
        .map((kind) => times(found[`${name}_over_compiled${kind}`] ?? null) ?? '–')
        .join(', '),
      report.dispatches,
      megabytes(report.peakBytes),
      loaded.firstStepMs,
      at(loaded.values, 0).toPrecision(6),
      at(loaded.values, 2).toPrecision(6),
    ]),
  );
  const shares = [
    `JavaScript of the compiled step: ${percent(found.compiled_js_over_eager_js)} of the eager one's`,
    `(${percent(found.compiled_js_over_eager_js_best)} by the shortest of each);`,
    `peak GPU bytes: ${percent(found.compiled_peak_over_tfjs_peak)} of tfjs's;`,
    `convolutions: ${shortNumber(Number(row.conv_flops) / 1e9)} GFLOP a step.`,
  ].join(' ');
  const about = results.map(({ name, loaded }) => `- ${name}: ${loaded.about}`);
  const absent = Object.entries(missing).map(([name, why]) => `- ${name}: no number, ${why}`);
  const notes = deviations.map((text) => `- NOTE, not the net that the others run: ${text}`);
  return [`### ${net.name}: ${net.title}`, '', table, '', shares, '', ...about, ...absent, ...notes].join(
    '\n',
  );
}
