// WGSL of a sum of several tensors of one shape: what a chain of additions gives, bit by bit, in one pass.
import { bindings, flatMain, type Program } from '../../program.ts';

/** Keys of the additions that a sum may stand for: two tensors of one size, floats, read flat. Their uniform is the size. */
export const ADDITIONS: ReadonlyMap<string, 1 | 4> = new Map([
  ['map add ff c1', 1],
  ['map add ff c4', 4],
]);

/**
 * Reads `count` tensors, writes (((first + second) + third) + …). Uniforms: size (threads), as the additions have.
 * @param width floats of a thread
 */
export function sumProgram(count: number, width: 1 | 4): Program {
  return {
    key: `sum of ${count} c${width}`,
    source: () => {
      const T = width === 4 ? 'vec4f' : 'f32';
      const terms = Array.from({ length: count }, (_, k) => `x${k}`);
      const reads = Object.fromEntries(terms.map((name) => [name, T]));
      return `${bindings(reads, { result: T }, 'size: u32')}
${flatMain(`  if (i >= u.size) { return; }
  result[i] = ${terms.map((name) => `${name}[i]`).join(' + ')};`)}`;
    },
  };
}
