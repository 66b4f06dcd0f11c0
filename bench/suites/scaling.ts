// How a step's time and peak memory grow with batch, picture size and depth, on the 4-conv net.
import type { ContenderName } from '../contenders/contender.ts';
import { fourConv, type FourConvOptions } from '../nets/fourConv.ts';
import { markdownTable, megabytes, type Cell } from '../report.ts';
import { bestOf, medianOf, runRounds, type Result } from '../rounds.ts';
import { adapterOf, progress, type SuiteOptions, type SuiteResult } from './suite.ts';

const DEFAULT_STEPS = 3;
const CONTENDERS: readonly ContenderName[] = [
  'compiled',
  'eager',
  'tfjs',
  'jaxjs',
  'torch_cpu',
  'torch_cuda',
];

/** What grows, and the nets it grows over; each list starts from the smallest. */
const SWEEPS: readonly { readonly axis: string; readonly points: readonly FourConvOptions[] }[] = [
  { axis: 'batch', points: [1, 2, 4, 8, 16].map((batch) => ({ batch })) },
  { axis: 'size', points: [48, 96, 144, 192].map((size) => ({ size })) },
  { axis: 'layers', points: [0, 1, 3].map((extraDepth) => ({ extraDepth })) },
];

export async function scalingSuite(options: SuiteOptions): Promise<SuiteResult> {
  const names = CONTENDERS.filter((name) => options.peers.includes(name));
  const rows: Record<string, unknown>[] = [];
  const abouts: { about: string }[] = [];
  const missing = new Map<ContenderName, string>();
  for (const { axis, points } of SWEEPS)
    for (const point of points) {
      const value = axis === 'layers' ? 4 * (1 + (point.extraDepth ?? 0)) : (point.batch ?? point.size ?? 0);
      progress(`${axis} ${value}`);
      const results = await runRounds({
        names: names.filter((name) => !missing.has(name)),
        job: { kind: 'net', net: fourConv(point) },
        steps: options.steps ?? DEFAULT_STEPS,
        places: options.places,
        onMissing: (name, why) => missing.set(name, why),
      });
      abouts.push(...results.map(({ loaded }) => loaded));
      rows.push(rowOf(axis, value, results));
    }
  const absent = [...missing].map(([name, why]) => `- ${name}: no number, ${why}`);
  return { rows, text: [table(rows, names), ...absent].join('\n'), adapter: adapterOf(abouts), failures: [] };
}

function rowOf(axis: string, value: number, results: readonly Result[]): Record<string, unknown> {
  const row: Record<string, unknown> = { axis, value };
  for (const name of CONTENDERS) {
    const result = results.find((other) => other.name === name);
    row[`${name}_ms`] = medianOf(result, 'wallMs');
    row[`${name}_best_ms`] = bestOf(result, 'wallMs');
    row[`${name}_cpu_ms`] = medianOf(result, 'cpuMs');
    row[`${name}_peak_bytes`] = result?.report.peakBytes ?? null;
  }
  return row;
}

function table(rows: readonly Readonly<Record<string, unknown>>[], names: readonly ContenderName[]): string {
  return markdownTable(
    ['4conv, median ms and peak MB', ...names.flatMap((name) => [`${name} ms`, 'MB'])],
    rows.map((row) => [
      `${String(row.axis)} ${String(row.value)}`,
      ...names.flatMap((name): Cell[] => [
        row[`${name}_ms`] as Cell,
        megabytes(row[`${name}_peak_bytes`] as number | null),
      ]),
    ]),
  );
}
