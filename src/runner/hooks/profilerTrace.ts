// What a ProfilerHook has recorded, and the two forms it is given out in.

import type { ProfilePass } from '../../gpu/index.ts';
import { take } from '../../util/at.ts';

/** One recorded iteration. */
export interface ProfiledStep {
  /** Number of the iteration, from 0. */
  readonly step: number;
  /** Milliseconds since the profiler began. */
  readonly startMs: number;
  readonly endMs: number;
  /** Its dispatches; empty without the activity 'cuda' or where the adapter tells no times. */
  readonly passes: readonly ProfilePass[];
}

/**
 * Chrome's trace format (chrome://tracing, Perfetto, TensorBoard): one track of iterations, one of dispatches.
 * The GPU's clock has no common zero with the host's: an iteration's first dispatch is drawn at its start.
 */
export function chromeTrace(steps: readonly ProfiledStep[], deviceName: string): string {
  const named = (pid: number, name: string): object => ({
    ph: 'M',
    pid,
    tid: 0,
    name: 'process_name',
    args: { name },
  });
  const events: object[] = [named(0, 'CPU'), named(1, `GPU ${deviceName}`)];
  for (const { step, startMs, endMs, passes } of steps) {
    const ts = startMs * 1000;
    events.push({
      ph: 'X',
      cat: 'user_annotation',
      name: `ProfilerStep#${step}`,
      pid: 0,
      tid: 0,
      ts,
      dur: (endMs - startMs) * 1000,
    });
    for (const { program, startNs, endNs } of passes) {
      const [name] = program.split('|');
      events.push({
        ph: 'X',
        cat: 'kernel',
        name,
        pid: 1,
        tid: 0,
        ts: ts + startNs / 1000,
        dur: (endNs - startNs) / 1000,
      });
    }
  }
  return JSON.stringify({ schemaVersion: 1, displayTimeUnit: 'ms', traceEvents: events });
}

/**
 * A table of the programs, like torch's `key_averages().table()`.
 * @param rowLimit -1: all
 */
export function profileTable(
  steps: readonly ProfiledStep[],
  sortBy: 'time' | 'count' = 'time',
  rowLimit = 100,
): string {
  const rows = new Map<string, { ms: number; calls: number }>();
  let total = 0;
  for (const { program, startNs, endNs } of steps.flatMap(({ passes }) => passes)) {
    const [name] = take(program.split('|'), 1);
    const row = rows.get(name) ?? { ms: 0, calls: 0 };
    row.ms += (endNs - startNs) / 1e6;
    row.calls += 1;
    total += (endNs - startNs) / 1e6;
    rows.set(name, row);
  }
  const sorted = [...rows].sort(([, a], [, b]) => (sortBy === 'time' ? b.ms - a.ms : b.calls - a.calls));
  const lines = sorted
    .slice(0, rowLimit < 0 ? undefined : rowLimit)
    .map(([name, { ms, calls }]) =>
      [
        name.padEnd(48),
        ms.toFixed(3).padStart(12),
        `${((100 * ms) / total).toFixed(1)}%`.padStart(8),
        String(calls).padStart(8),
      ].join(' '),
    );
  const head = ['Name'.padEnd(48), 'GPU ms'.padStart(12), 'share'.padStart(8), '# calls'.padStart(8)].join(
    ' ',
  );
  const hostMs = steps.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  return [
    head,
    ...lines,
    `${steps.length} iterations: ${total.toFixed(3)} ms on the GPU, ${hostMs.toFixed(3)} ms in all`,
  ].join('\n');
}
