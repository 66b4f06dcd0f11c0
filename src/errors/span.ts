/** Where a piece of source text lies. Offsets count UTF-16 units; lines and columns start at 1. */
export interface Span {
  /** Path of the file inside the workspace, as the user knows it. */
  readonly file: string;
  readonly from: number;
  readonly to: number;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** Write `file:line:column`, the form editors and terminals turn into a link. */
export function formatSpan(span: Span): string {
  return `${span.file}:${span.line}:${span.column}`;
}

/** Build a span of `text` from two offsets. */
export function spanAt(file: string, text: string, from: number, to: number): Span {
  const start = lineColumn(text, from);
  const end = lineColumn(text, to);
  return {
    file,
    from,
    to,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
}

function lineColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) {
    line += 1;
    lineStart = i + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** A span of one place; the offsets are not known. */
export function pointSpan(file: string, line: number, column: number): Span {
  return { file, from: 0, to: 0, line, column, endLine: line, endColumn: column };
}
