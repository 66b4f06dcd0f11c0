// Breaks long values over lines the way yapf's pep8 style (with MMCV's settings) does: as much as fits on one line;
// otherwise a break after the opening bracket, then all on one line, or one entry per line. A list that was broken closes on a line of its own.

/** Text, or a bracketed run of entries. */
export type Doc = string | DocGroup;
export interface DocGroup {
  readonly open: string;
  readonly items: readonly { readonly prefix: string; readonly doc: Doc }[];
  readonly close: string;
}

const COLUMN_LIMIT = 79;
const INDENT = 4;

/** Write `prefix` and the value, starting at column 0. */
export function layOut(prefix: string, doc: Doc): string {
  return prefix + write(doc, 0, prefix.length, 0);
}

function flat(doc: Doc): string {
  if (typeof doc === 'string') return doc;
  return doc.open + doc.items.map((item) => item.prefix + flat(item.doc)).join(', ') + doc.close;
}

/**
 * @param indent columns of the line that holds the opening bracket
 * @param column where the value starts
 * @param tail columns that must stay free after it, for closing brackets and a comma
 */
function write(doc: Doc, indent: number, column: number, tail: number): string {
  if (typeof doc === 'string') return doc;
  const line = flat(doc);
  if (column + line.length + tail <= COLUMN_LIMIT) return line;
  const inner = indent + INDENT;
  const pad = ' '.repeat(inner);
  const isList = doc.close === ']';
  const close = isList ? `\n${' '.repeat(indent)}]` : doc.close;
  const closeWidth = isList ? 0 : doc.close.length + tail;
  const entries = doc.items.map((item) => item.prefix + flat(item.doc));
  const isSimple = doc.items.every((item) => typeof item.doc === 'string' && item.prefix === '');
  const joined = entries.join(', ');
  const isDictCall = doc.open === 'dict(' || isSimple;
  if (isDictCall && inner + joined.length + closeWidth <= COLUMN_LIMIT)
    return `${doc.open}\n${pad}${joined}${close}`;
  if (isSimple) return fill(doc, entries, inner, close, closeWidth);
  const lines = doc.items.map((item, i) => {
    const isLast = i === doc.items.length - 1;
    const rest = isLast ? closeWidth : 1;
    return pad + item.prefix + write(item.doc, inner, inner + item.prefix.length, rest) + (isLast ? '' : ',');
  });
  return `${doc.open}\n${lines.join('\n')}${close}`;
}

/** Plain entries, as many on each line as fit. */
function fill(
  doc: DocGroup,
  entries: readonly string[],
  inner: number,
  close: string,
  closeWidth: number,
): string {
  const pad = ' '.repeat(inner);
  const lines: string[] = [];
  let line = '';
  entries.forEach((entry, i) => {
    const isLast = i === entries.length - 1;
    const piece = isLast ? entry : `${entry},`;
    const room = COLUMN_LIMIT - inner - (isLast ? closeWidth : 0);
    if (line !== '' && line.length + 1 + piece.length > room) {
      lines.push(line);
      line = piece;
    } else line = line === '' ? piece : `${line} ${piece}`;
  });
  lines.push(line);
  return `${doc.open}\n${lines.map((l) => pad + l).join('\n')}${close}`;
}
