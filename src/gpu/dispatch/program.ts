// WGSL programs as data, and what their sources have in common.
import { invariant } from '../../errors/index.ts';

/** A WGSL compute program. Bindings of group 0: `reads` storage (read), `writes` storage (read_write), then the uniform. */
export interface Program {
  /** Names the source: every value that changes the source is part of it. Begins with the op's name. */
  readonly key: string;
  /** Made once per key. Its entry point is `main`. */
  readonly source: () => string;
}

export type Grid = readonly [number, number, number];

/** What a dispatch has to do, as far as it is known. */
export interface DispatchWork {
  readonly bytes: number;
  readonly flops: number;
}

/** Spread `count` workgroups over a grid that respects the 65,535 limit per axis; the program skips the surplus. */
export function spread(count: number, maxPerAxis = 65_535): Grid {
  const groups = Math.max(1, Math.ceil(count));
  if (groups <= maxPerAxis) return [groups, 1, 1];
  const y = Math.ceil(groups / maxPerAxis);
  invariant(y <= maxPerAxis, `a dispatch of ${groups} workgroups`);
  return [Math.ceil(groups / y), y, 1];
}

/** WGSL: bind the program's buffers. `reads` and `writes` are `name: element type`. */
export function bindings(
  reads: Readonly<Record<string, string>>,
  writes: Readonly<Record<string, string>>,
  uniformFields = '',
): string {
  const lines: string[] = [];
  for (const [name, type] of Object.entries(reads))
    lines.push(`@group(0) @binding(${lines.length}) var<storage, read> ${name}: array<${type}>;`);
  for (const [name, type] of Object.entries(writes))
    lines.push(`@group(0) @binding(${lines.length}) var<storage, read_write> ${name}: array<${type}>;`);
  if (uniformFields === '') return lines.join('\n');
  const bind = `@group(0) @binding(${lines.length}) var<uniform> u: Uniforms;`;
  return `struct Uniforms { ${uniformFields} }\n${lines.join('\n')}\n${bind}`;
}

/** WGSL: the entry point of a program over a flat index `i`, which runs past the end of the data. */
export function flatMain(body: string, workgroupSize = 64): string {
  return `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * groups.x) * ${workgroupSize}u + local;
${body}
}`;
}
