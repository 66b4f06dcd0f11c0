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
  return new ChartBuilder(options).update(measures);
}

interface Column {
  readonly label: string;
  readonly values: (number | null)[];
  readonly smoother: (value: number | null) => number | null;
}

/** Makes chart data of records that grow: a batch of events costs what it brings, not what the whole run brought. */
export class ChartBuilder {
  readonly #options: SeriesOptions;
  #seen: readonly Measure[] = [];
  #x: number[] = [];
  /** By key; null for the keys of other charts. */
  #columns = new Map<string, Column | null>();

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  /** @returns arrays that grow with the next update: take the newest ones */
  update(measures: readonly Measure[]): ChartData {
    const count = this.#seen.length;
    const isLonger = measures[0] === this.#seen[0] && measures[count - 1] === this.#seen[count - 1];
    if (!isLonger) {
      this.#x = [];
      this.#columns = new Map();
    }
    for (const measure of measures.slice(isLonger ? count : 0)) this.#add(measure);
    this.#seen = measures;
    const columns = [...this.#columns.values()].filter((column) => column !== null);
    return { x: this.#x, lines: columns.map(({ label, values }) => ({ label, values })) };
  }

  #add(measure: Measure): void {
    if (measure.mode !== this.#options.mode) return;
    const row = this.#x.length;
    let isRow = false;
    for (const [key, value] of Object.entries(measure.values)) {
      const column = this.#column(key, row);
      if (!column) continue;
      column.values.push(column.smoother(Number.isFinite(value) ? value : null));
      isRow = true;
    }
    if (!isRow) return;
    this.#x.push(xOf(measure, this.#options));
    for (const column of this.#columns.values()) if (column?.values.length === row) column.values.push(null);
  }

  #column(key: string, row: number): Column | null {
    const known = this.#columns.get(key);
    if (known !== undefined) return known;
    const { include, smoothing } = this.#options;
    const made = include(key)
      ? { label: key, values: new Array<null>(row).fill(null), smoother: createSmoother(smoothing) }
      : null;
    this.#columns.set(key, made);
    return made;
  }
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
  return values.map(createSmoother(weight));
}

function createSmoother(weight: number): (value: number | null) => number | null {
  let mean = 0;
  let total = 0;
  return (value) => {
    if (value === null || weight === 0) return value;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  };
}
