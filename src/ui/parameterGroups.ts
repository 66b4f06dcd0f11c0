import type { ParameterRow } from '../worker/protocol.ts';

export interface ParameterGroup {
  /** First two parts of the names in it: `backbone.layer1`. */
  readonly name: string;
  readonly rows: readonly ParameterRow[];
  /** Values in all its tensors. */
  readonly count: number;
}

/** Gather tensors by the module that holds them, in the order in which they come. */
export function groupByModule(rows: readonly ParameterRow[]): ParameterGroup[] {
  const groups = new Map<string, ParameterRow[]>();
  for (const row of rows) {
    const parts = row.name.split('.');
    const name = parts.slice(0, Math.min(2, Math.max(1, parts.length - 1))).join('.');
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return [...groups].map(([name, own]) => ({
    name,
    rows: own,
    count: own.reduce((sum, row) => sum + row.shape.reduce((a, b) => a * b, 1), 0),
  }));
}
