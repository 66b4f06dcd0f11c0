// Programs that do the same for every element of a flat index.
import { handleOrThrow } from '../device/handle.ts';
import { flatMain, spread, type Grid } from './program.ts';

/** Elements that one thread takes, one after the other. */
export type PerThread = 1 | 8;

// Fewer threads than this leave cores idle.
const MIN_THREADS = 1024;

/**
 * How many elements a thread should take: starting one costs a software adapter as much as an addition (llvmpipe: half
 * the time by eights, SwiftShader: the same), a GPU nothing.
 */
export function perThreadOf(count: number): PerThread {
  return handleOrThrow().info.isSoftware && count >= 8 * MIN_THREADS ? 8 : 1;
}

/** Workgroups of {@link eachElement}. */
export function elementGrid(count: number, perThread: PerThread): Grid {
  return spread(count / perThread / 64);
}

/** WGSL: the entry point of a program that runs `body` for every `i` below `u.size`. */
export function eachElement(body: string, perThread: PerThread): string {
  if (perThread === 1) return flatMain(`  if (i < u.size) {\n  ${body}\n  }`);
  return flatMain(`
  let first = i * ${perThread}u;
  for (var j = first; j < min(first + ${perThread}u, u.size); j++) {
    let i = j;
    ${body}
  }`);
}

/** Part of a program's key. */
export const perThreadKey = (perThread: PerThread): string => (perThread === 1 ? '' : ` by ${perThread}`);
