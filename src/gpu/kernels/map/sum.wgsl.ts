// WGSL of a sum of several tensors of one shape: what a chain of additions gives, bit by bit, in one pass.
import { eachElement, perThreadKey, type PerThread } from '../../dispatch/eachElement.ts';
import { bindings, type Program } from '../../dispatch/program.ts';

/** Keys of the additions that a sum may stand for: two tensors of one size, floats, read flat. Their uniform is the size. */
export const ADDITIONS: ReadonlyMap<string, SumElement> = new Map(
  ([1, 4] as const).flatMap((width) =>
    ([1, 8] as const).map((perThread) => [
      `map add ff c${width}${perThreadKey(perThread)}`,
      { width, perThread },
    ]),
  ),
);

/** What a thread of a sum takes. */
export interface SumElement {
  /** Floats of an element. */
  readonly width: 1 | 4;
  readonly perThread: PerThread;
}

/**
 * Reads `count` tensors, writes (((first + second) + third) + …). Uniforms and grid are those of the additions.
 */
export function sumProgram(count: number, { width, perThread }: SumElement): Program {
  return {
    key: `sum of ${count} c${width}${perThreadKey(perThread)}`,
    source: () => {
      const T = width === 4 ? 'vec4f' : 'f32';
      const terms = Array.from({ length: count }, (_, k) => `x${k}`);
      const reads = Object.fromEntries(terms.map((name) => [name, T]));
      return `${bindings(reads, { result: T }, 'size: u32')}
${eachElement(`result[i] = ${terms.map((name) => `${name}[i]`).join(' + ')};`, perThread)}`;
    },
  };
}
