// Number and table formatting that gives Python's characters.

import { at } from '../util/at.ts';

/**
 * Python's `f'{value:.{digits}f}'`: ties go to the even digit, where `toFixed` goes away from zero.
 * @example pyFixed(0.03125, 4) // '0.0312', where toFixed gives '0.0313'
 */
export function pyFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  // A decimal tie has at most digits+1 fractional bits; only then is scaling exact.
  if (Number.isInteger(value * 2 ** (digits + 1))) {
    const scaled = value * 10 ** digits;
    const below = Math.floor(scaled);
    if (scaled - below === 0.5) {
      return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
    }
  }
  return value.toFixed(digits);
}

/** Round to `digits` decimals through text, as MMDetection does. */
export function pyRound(value: number, digits: number): number {
  return Number(pyFixed(value, digits));
}

/**
 * Draw a table with `+---+` borders, columns left-aligned.
 * @param rows the first is the header
 * @param footer true draws a border above the last row
 */
export function asciiTable(rows: readonly (readonly string[])[], footer = false): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [c, cell] of row.entries()) widths[c] = Math.max(widths[c] ?? 0, cell.length);
  const border = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const lines = rows.map((row) => `| ${row.map((cell, c) => cell.padEnd(at(widths, c))).join(' | ')} |`);
  const body = lines.slice(1);
  if (footer && body.length > 1) body.splice(-1, 0, border);
  return [border, lines[0], border, ...body, border].join('\n');
}
