// The log as a few large pieces of text: when lines come, only the last piece changes, and the browser lays out only
// those that are seen.

/** About ten times what the panel shows. */
export const BLOCK_LINES = 100;

export interface LogBlock {
  /** The same for the same piece of the log, however many lines before it were dropped. */
  readonly id: number;
  /** Each line ends with a line break, so that the text of all blocks is the log. */
  readonly text: string;
}

/**
 * Cut the log at every line whose number is a multiple of {@link BLOCK_LINES}.
 * @param firstLine number of the first line, from 0: as many were dropped before it
 * @example toLogBlocks(['a', 'b'], 99) // [{ id: 0, text: 'a\n' }, { id: 1, text: 'b\n' }]
 */
export function toLogBlocks(lines: readonly string[], firstLine: number): LogBlock[] {
  const blocks: LogBlock[] = [];
  for (let start = 0; start < lines.length;) {
    const id = Math.floor((firstLine + start) / BLOCK_LINES);
    const end = Math.min(lines.length, (id + 1) * BLOCK_LINES - firstLine);
    blocks.push({ id, text: `${lines.slice(start, end).join('\n')}\n` });
    start = end;
  }
  return blocks;
}
