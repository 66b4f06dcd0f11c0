// How a step's time and peak memory grow with batch, picture size and depth, on the 4-conv net; and that what is held
// does not grow with the number of steps.
import type { ContenderName } from '../contenders/contender.ts';
import { fourConv, type FourConvOptions } from '../nets/fourConv.ts';
import { markdownTable, megabytes, type Cell } from '../report.ts';
import { startPeer } from '../peers.ts';
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
  const failures: string[] = [];
  if (names.includes('compiled')) {
    const held = await heldOverSteps('compiled', options);
    rows.push(held);
    failures.push(...growth(held));
  }
  const absent = [...missing].map(([name, why]) => `- ${name}: no number, ${why}`);
  return { rows, text: [table(rows, names), ...absent].join('\n'), adapter: adapterOf(abouts), failures };
}

/** What a contender holds after 10 steps and after 1,000. */
async function heldOverSteps(
  name: ContenderName,
  { places }: SuiteOptions,
): Promise<Record<string, unknown>> {
  progress(`1,000 steps of ${name}`);
  const peer = startPeer(name, places);
  try {
    // A small net: what leaks, leaks per step and tensor.
    await peer.ask({ do: 'load', job: { kind: 'net', net: fourConv({ batch: 1, size: 32 }) } });
    await peer.ask({ do: 'steps', count: 7 });
    const early = await peer.ask({ do: 'report' });
    await peer.ask({ do: 'steps', count: 990 });
    const late = await peer.ask({ do: 'report' });
    return {
      axis: 'steps',
      value: 1000,
      contender: name,
      tensors_after_10: early.tensors,
      tensors_after_1000: late.tensors,
      live_bytes_after_10: early.liveBytes,
      live_bytes_after_1000: late.liveBytes,
    };
  } finally {
    await peer.close();
  }
}

/** What a thousand steps must not do. */
function growth(held: Readonly<Record<string, unknown>>): string[] {
  return ['tensors', 'live_bytes'].flatMap((what) => {
    const [early, late] = [held[`${what}_after_10`], held[`${what}_after_1000`]];
    // Fewer is fine: garbage is collected at its own time.
    if (typeof early === 'number' && typeof late === 'number' && late <= early) return [];
    return [
      `${String(held.contender)}: ${what} went from ${String(early)} after 10 steps to ${String(late)} after 1,000`,
    ];
  });
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
  const held = rows
    .filter((row) => row.axis === 'steps')
    .map(
      (row) =>
        `${String(row.contender)} holds ${String(row.tensors_after_10)} tensors and ${String(row.live_bytes_after_10)} bytes ` +
        `after 10 steps, ${String(row.tensors_after_1000)} and ${String(row.live_bytes_after_1000)} after 1,000.`,
    );
  const grown = markdownTable(
    ['4conv, median ms and peak MB', ...names.flatMap((name) => [`${name} ms`, 'MB'])],
    rows
      .filter((row) => row.axis !== 'steps')
      .map((row) => [
        `${String(row.axis)} ${String(row.value)}`,
        ...names.flatMap((name): Cell[] => [
          row[`${name}_ms`] as Cell,
          megabytes(row[`${name}_peak_bytes`] as number | null),
        ]),
      ]),
  );
  return [grown, '', ...held].join('\n');
}
