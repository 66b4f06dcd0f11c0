// Reads MMCV's `.log.json` files, of any length, in pieces.

import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Measure } from './protocol.ts';

const PIECE_BYTES = 1 << 20;
/** Measures of one mode that a page gets at most. */
export const MAX_MEASURES = 20_000;

/** Measures by mode and iteration: where a resumed run went over the same iterations again, the later one counts. */
export type MeasuresByPlace = Map<string, Measure>;

/** Read a file into `into`, one piece after the other. */
export async function readMeasures(
  fs: FileSystem,
  path: string,
  itersPerEpoch: number,
  into: MeasuresByPlace,
): Promise<void> {
  const bytes = (await fs.stat(path))?.bytes ?? 0;
  const decoder = new TextDecoder();
  let rest = '';
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const piece = await fs.readRange(path, at, Math.min(bytes, at + PIECE_BYTES));
    const text = rest + decoder.decode(piece, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    add(text.slice(0, end));
  }
  add(rest);

  function add(text: string): void {
    for (const measure of parseLogJson(text, itersPerEpoch))
      into.set(`${measure.mode} ${measure.iter}`, measure);
  }
}

/** In order of iterations; of a mode with more than `max`, those that a chart needs: see {@link thinOut}. */
export function orderedMeasures(byPlace: MeasuresByPlace, max = MAX_MEASURES): Measure[] {
  const ordered = [...byPlace.values()].sort((a, b) => a.iter - b.iter);
  const kept = (['train', 'val'] as const).map((mode) =>
    thinOut(
      ordered.filter((measure) => measure.mode === mode),
      max,
    ),
  );
  return kept.flat().sort((a, b) => a.iter - b.iter);
}

/** At most about `max` of them: the first and the last, and of each stretch those with the least and the most of each value. */
function thinOut(measures: readonly Measure[], max: number): readonly Measure[] {
  if (measures.length <= max) return measures;
  const names = Object.keys(measures.at(-1)?.values ?? {});
  const stretches = Math.max(1, Math.floor(max / (2 * names.length + 1)));
  const length = Math.ceil(measures.length / stretches);
  const kept = new Set<Measure>(measures.slice(0, 1));
  for (let at = 0; at < measures.length; at += length) {
    const stretch = measures.slice(at, at + length);
    for (const name of names) {
      const valued = stretch.filter(({ values }) => values[name] !== undefined);
      const of = (measure: Measure): number => measure.values[name] ?? 0;
      const [first] = valued;
      if (!first) continue;
      kept.add(valued.reduce((least, one) => (of(one) < of(least) ? one : least), first));
      kept.add(valued.reduce((most, one) => (of(one) > of(most) ? one : most), first));
    }
  }
  for (const last of measures.slice(-1)) kept.add(last);
  return [...kept];
}

/**
 * Read MMCV's `.log.json`: one object per line, the first without a mode. Iterations are counted over the run here.
 * @example parseLogJson('{"mode": "train", "epoch": 2, "iter": 10, "loss": 0.5}', 50)
 * // [{ mode: 'train', epoch: 2, iter: 60, values: { loss: 0.5 } }]
 */
export function parseLogJson(text: string, itersPerEpoch: number): Measure[] {
  const measures: Measure[] = [];
  for (const line of text.split('\n')) {
    const record = parseRecord(line);
    if (!record) continue;
    const { mode, epoch, iter, ...rest } = record;
    if ((mode !== 'train' && mode !== 'val') || typeof epoch !== 'number' || typeof iter !== 'number')
      continue;
    const values: Record<string, number> = {};
    for (const [key, value] of Object.entries(rest)) if (typeof value === 'number') values[key] = value;
    // The `iter` of a val record is the number of validation batches.
    const overall = mode === 'val' ? epoch * itersPerEpoch : (epoch - 1) * itersPerEpoch + iter;
    measures.push({ mode, epoch, iter: overall, values });
  }
  return measures;
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (line.trim() === '') return null;
  try {
    // Python writes NaN and Infinity, which JSON does not know. A line cut off by a crash is left out.
    const value: unknown = JSON.parse(line.replace(/: (NaN|-?Infinity)(?=[,}])/g, ': null'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
