// An optimizer's step over 1, 10, 100 and 500 tensors: ours, tfjs's, PyTorch's.
import type { ContenderName } from '../contenders/contender.ts';
import { parameterShapes } from '../nets/index.ts';
import { markdownTable, ratio, shortNumber, type Cell } from '../report.ts';
import { bestOf, medianOf, runRounds, type Result } from '../rounds.ts';
import { adapterOf, progress, type SuiteOptions, type SuiteResult } from './suite.ts';
import { at } from '../../src/util/at.ts';

const COUNTS = [1, 10, 100, 500];
const RULES = ['sgd', 'adam'] as const;
const DEFAULT_STEPS = 10;
const CONTENDERS: readonly ContenderName[] = ['eager', 'tfjs', 'torch_cpu', 'torch_cuda'];

export async function optimizerSuite(options: SuiteOptions): Promise<SuiteResult> {
  const names = CONTENDERS.filter((name) => options.peers.includes(name));
  const rows: Record<string, unknown>[] = [];
  const abouts: { about: string }[] = [];
  const failures: string[] = [];
  const missing = new Map<ContenderName, string>();
  for (const rule of RULES)
    for (const count of COUNTS) {
      progress(`${rule}, ${count} tensors`);
      const shapes = parameterShapes(count);
      const results = await runRounds({
        names: names.filter((name) => !missing.has(name)),
        job: { kind: 'optimizer', optimizer: { rule, shapes } },
        steps: options.steps ?? DEFAULT_STEPS,
        places: options.places,
        onMissing: (name, why) => missing.set(name, why),
      });
      abouts.push(...results.map(({ loaded }) => loaded));
      rows.push(rowOf(rule, shapes, results));
      failures.push(...disagreements(`${rule}, ${count} tensors`, results));
    }
  const absent = [...missing].map(([name, why]) => `- ${name}: no number, ${why}`);
  return { rows, text: [table(rows), ...absent].join('\n'), adapter: adapterOf(abouts), failures };
}

function rowOf(
  rule: string,
  shapes: readonly (readonly number[])[],
  results: readonly Result[],
): Record<string, unknown> {
  const of = (name: ContenderName): Result | undefined => results.find((result) => result.name === name);
  const row: Record<string, unknown> = {
    optimizer: rule,
    tensors: shapes.length,
    elements: shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
  };
  for (const name of CONTENDERS) {
    const key = name === 'eager' ? 'ours' : name;
    row[`${key}_ms`] = medianOf(of(name), 'wallMs');
    row[`${key}_best_ms`] = bestOf(of(name), 'wallMs');
    row[`${key}_js_ms`] = medianOf(of(name), 'jsMs');
    row[`${key}_cpu_ms`] = medianOf(of(name), 'cpuMs');
    row[`${key}_dispatches`] = of(name)?.report.dispatches ?? null;
  }
  const against = (name: ContenderName, measure: 'wallMs' | 'cpuMs'): number | null =>
    ratio(medianOf(of(name), measure), medianOf(of('eager'), measure));
  row.ratios = {
    tfjs_over_ours: against('tfjs', 'wallMs'),
    tfjs_over_ours_cpu: against('tfjs', 'cpuMs'),
    torch_cpu_over_ours: against('torch_cpu', 'wallMs'),
    torch_cuda_over_ours: against('torch_cuda', 'wallMs'),
  };
  return row;
}

/** After three steps the first parameter's sum is the same everywhere (tfjs's Adam has its epsilon elsewhere: 1e-3). */
function disagreements(what: string, results: readonly Result[]): string[] {
  const reference = results.at(0)?.loaded.values[2];
  if (reference === undefined) return [];
  return results
    .filter(
      ({ loaded }) => Math.abs(at(loaded.values, 2) - reference) > 1e-3 * Math.max(1, Math.abs(reference)),
    )
    .map(
      ({ name, loaded }) =>
        `${what}: ${name} comes to ${loaded.values[2]}, ${at(results, 0).name} to ${reference}`,
    );
}

function table(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const cell = (row: Readonly<Record<string, unknown>>, key: string): Cell => row[key] as Cell;
  return markdownTable(
    [
      'optimizer, tensors, median ms',
      'elements',
      'ours',
      'dispatches',
      'tfjs',
      'dispatches',
      'torch_cpu',
      'torch_cuda',
      'tfjs / ours (wall, CPU)',
    ],
    rows.map((row) => {
      const { tfjs_over_ours: wall, tfjs_over_ours_cpu: cpu } = row.ratios as Record<string, number | null>;
      return [
        `${String(row.optimizer)}, ${String(row.tensors)}`,
        String(row.elements),
        ...['ours_ms', 'ours_dispatches', 'tfjs_ms', 'tfjs_dispatches', 'torch_cpu_ms', 'torch_cuda_ms'].map(
          (key) => cell(row, key),
        ),
        typeof wall !== 'number' || typeof cpu !== 'number'
          ? null
          : `${shortNumber(wall)}x, ${shortNumber(cpu)}x`,
      ];
    }),
  );
}
