// From log records to the lines of a chart.

import type { Measure } from '../../worker/protocol.ts';

export interface ChartLine {
  readonly label: string;
  /** Beside `x`; null where the line has no value. */
  readonly values: readonly (number | null)[];
}

export interface ChartData {
  readonly x: readonly number[];
  readonly lines: readonly ChartLine[];
}

export interface SeriesOptions {
  readonly mode: Measure['mode'];
  readonly axis: 'iterations' | 'epochs';
  /** Null while not known: the epoch axis then counts whole epochs. */
  readonly itersPerEpoch: number | null;
  /** Weight of the past, [0, 1). */
  readonly smoothing: number;
  /** Which keys become lines. */
  readonly include: (key: string) => boolean;
}

/** One line per key, in the order in which the keys first appear. */
export function toChartData(measures: readonly Measure[], options: SeriesOptions): ChartData {
  const { mode, include, smoothing } = options;
  const rows = measures.filter((m) => m.mode === mode && Object.keys(m.values).some(include));
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row.values)))].filter(include);
  return {
    x: rows.map((row) => xOf(row, options)),
    lines: keys.map((label) => {
      const raw = rows.map((row) => {
        const value = row.values[label];
        return value === undefined || !Number.isFinite(value) ? null : value;
      });
      return { label, values: smoothing > 0 ? smooth(raw, smoothing) : raw };
    }),
  };
}

function xOf({ epoch, iter, mode }: Measure, { axis, itersPerEpoch }: SeriesOptions): number {
  if (axis === 'iterations') return iter;
  return itersPerEpoch === null || mode === 'val' ? epoch : iter / itersPerEpoch;
}

/**
 * Exponential moving average, corrected for its start: m = w m + (1 - w) v, shown as m / (1 - w^n).
 * @example smooth([1, 1, 4], 0.5) // [1, 1, 2.714...]
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  let mean = 0;
  let total = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}
