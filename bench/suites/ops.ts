// Single ops that move memory: norms, pooling, losses, sums, pictures, optimizers. Ours and, where it has the op, tfjs's.
import { OPS, type OpSpec } from '../ops/opSpec.ts';
import { markdownTable, ratio, type Cell } from '../report.ts';
import { bestOf, medianOf, runRounds, type Result } from '../rounds.ts';
import { progress, type SuiteOptions } from './suite.ts';

const DEFAULT_STEPS = 5;
// A handful hide the way to the device; a GPU does each in microseconds.
const REPEATS = { software: 2, gpu: 50 };
const TOLERANCE = 1e-3;

export interface OpTable {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly text: string;
  readonly failures: readonly string[];
}

/** Measure every op in rounds of its own. */
export async function measureOps(options: SuiteOptions, isSoftware: boolean): Promise<OpTable> {
  const repeats = isSoftware ? REPEATS.software : REPEATS.gpu;
  const names = (['eager', 'tfjs'] as const).filter((name) => options.peers.includes(name));
  const rows: Record<string, unknown>[] = [];
  const failures: string[] = [];
  for (const spec of OPS) {
    progress(spec.title);
    const results = await runRounds({
      names,
      job: { kind: 'op', op: spec.name, repeats },
      steps: options.steps ?? DEFAULT_STEPS,
      places: options.places,
      onMissing: (name, why) => {
        if (name === 'eager') failures.push(`${spec.title}: ${why}`);
      },
    });
    rows.push(rowOf(spec, results, repeats));
    failures.push(...disagreement(spec, results));
  }
  return { rows, text: table(rows), failures };
}

function rowOf(
  { name, title, bytes }: OpSpec,
  results: readonly Result[],
  repeats: number,
): Record<string, unknown> {
  const of = (contender: string): Result | undefined => results.find((result) => result.name === contender);
  const each = (ms: number | null): number | null => (ms === null ? null : ms / repeats);
  const ours = each(bestOf(of('eager'), 'wallMs'));
  const tfjs = each(bestOf(of('tfjs'), 'wallMs'));
  return {
    op: name,
    title,
    bytes,
    best_ms: ours,
    median_ms: each(medianOf(of('eager'), 'wallMs')),
    cpu_ms: each(bestOf(of('eager'), 'cpuMs')),
    gb_per_s: ours === null ? null : bytes / ours / 1e6,
    tfjs_best_ms: tfjs,
    tfjs_median_ms: each(medianOf(of('tfjs'), 'wallMs')),
    tfjs_cpu_ms: each(bestOf(of('tfjs'), 'cpuMs')),
    tfjs_over_ours: ratio(tfjs, ours),
  };
}

// Of the same inputs the results' means are the same.
function disagreement({ title }: OpSpec, results: readonly Result[]): string[] {
  const [ours, tfjs] = ['eager', 'tfjs'].map(
    (name) => results.find((result) => result.name === name)?.loaded.values[0],
  );
  if (ours === undefined || tfjs === undefined || Number.isNaN(ours) || Number.isNaN(tfjs)) return [];
  const isNear = Math.abs(ours - tfjs) <= TOLERANCE * Math.max(1, Math.abs(tfjs));
  return isNear ? [] : [`${title}: ours comes to ${ours}, tfjs's to ${tfjs}`];
}

function table(rows: readonly Readonly<Record<string, unknown>>[]): string {
  return markdownTable(
    ['op, best of its rounds', 'MB', 'ms', 'GB/s', 'CPU ms', 'tfjs ms', 'tfjs / ours'],
    rows.map((row): Cell[] => [
      String(row.title),
      Number(row.bytes) / 1e6,
      row.best_ms as Cell,
      row.gb_per_s as Cell,
      row.cpu_ms as Cell,
      row.tfjs_best_ms as Cell,
      row.tfjs_over_ours as Cell,
    ]),
  );
}
