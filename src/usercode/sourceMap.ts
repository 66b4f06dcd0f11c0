// Reads the `mappings` of a source map of one source: from a place in the generated code back to the person's line.
// Source: ECMA-426, "Source map format", mappings structure.

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One mapped place of a generated line. Columns and lines count from 0 here, as in the file. */
interface Segment {
  readonly column: number;
  readonly sourceLine: number;
  readonly sourceColumn: number;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export class SourceMap {
  readonly #lines: readonly (readonly Segment[])[];

  /** @param json a source map, version 3, of one source */
  constructor(json: string) {
    const { mappings } = JSON.parse(json) as { mappings: string };
    this.#lines = decodeMappings(mappings);
  }

  /** The original place of a generated one: that of the nearest mapped place before it on its line, else null. */
  original({ line, column }: Place): Place | null {
    let found: Segment | null = null;
    for (const segment of this.#lines.at(line - 1) ?? []) {
      if (segment.column > column - 1) break;
      found = segment;
    }
    return found && { line: found.sourceLine + 1, column: found.sourceColumn + 1 };
  }
}

function decodeMappings(mappings: string): Segment[][] {
  let sourceLine = 0;
  let sourceColumn = 0;
  return mappings.split(';').map((line) => {
    let column = 0;
    const segments: Segment[] = [];
    for (const text of line.split(',')) {
      const [columns = 0, , lines, sourceColumns] = decodeNumbers(text);
      column += columns;
      if (lines === undefined || sourceColumns === undefined) continue;
      sourceLine += lines;
      sourceColumn += sourceColumns;
      segments.push({ column, sourceLine, sourceColumn });
    }
    return segments;
  });
}

/** Base-64 digits of 5 bits, the least first; bit 6 says that more follow; the lowest bit of a number is its sign. */
function decodeNumbers(text: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const char of text) {
    const digit = DIGITS.indexOf(char);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit >= 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}
