// Markdown tables, as everything the benchmarks print.
import { at } from '../src/util/at.ts';

export type Cell = string | number | null | undefined;

/** A Markdown table with columns lined up. Numbers but whole ones get three significant digits; what is missing is a dash. */
export function markdownTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(cellText))];
  const widths = header.map((_, i) => Math.max(3, ...cells.map((row) => at(row, i).length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => (i === 0 ? text.padEnd(at(widths, i)) : text.padStart(at(widths, i)))).join(' | ')} |`;
  const rule = `| ${widths.map((w, i) => (i === 0 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`)).join(' | ')} |`;
  return [line(at(cells, 0)), rule, ...cells.slice(1).map(line)].join('\n');
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '–';
  return typeof cell === 'string' ? cell : shortNumber(cell);
}

/** Three significant digits, without an exponent; whole numbers as they are. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** a / b, or null when either is missing. */
export function ratio(a: number | null, b: number | null): number | null {
  return a === null || b === null || b === 0 ? null : a / b;
}

/** Decimal megabytes, for tables. */
export function megabytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / 1e6;
}
