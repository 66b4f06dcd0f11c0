// Whether a WGSL formula compiles, before anything runs: a person's own formula gets its line, where the driver's
// complaint would come later and name nothing.
import { handleOrThrow } from '../device/handle.ts';

/** The statements of an elementwise update and the names that they may use; see `ElementwiseRun`. */
export interface Formula {
  readonly body: string;
  /** f32 `let`s. */
  readonly reads: readonly string[];
  /** f32 `var`s. */
  readonly writes: readonly string[];
  /** f32 fields of `u`. */
  readonly uniforms: readonly string[];
}

/** What the compiler says first. */
export interface FormulaFault {
  readonly message: string;
  /** In the body, from 1. */
  readonly line: number;
  /** In UTF-16 units, from 1. */
  readonly column: number;
}

/** @returns null when it compiles */
export async function checkFormula({ body, reads, writes, uniforms }: Formula): Promise<FormulaFault | null> {
  const { device } = handleOrThrow();
  const head = `struct Uniforms { ${[...uniforms, 'unused_'].map((name) => `${name}: f32`).join(', ')} }
var<private> u: Uniforms;
fn formula(i: u32) {
${reads.map((name) => `let ${name} = f32(i);`).join('\n')}
${writes.map((name) => `var ${name} = f32(i);`).join('\n')}
`;
  const code = `${head}${body}\n}\n@compute @workgroup_size(1) fn main() { formula(0u); }\n`;
  // The scope keeps the device's own error from ending the run.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code, label: 'formula' });
  const [info] = await Promise.all([module.getCompilationInfo(), device.popErrorScope()]);
  const fault = info.messages.find(({ type }) => type === 'error');
  if (!fault) return null;
  const line = fault.lineNum - (head.split('\n').length - 1);
  const lines = body.split('\n').length;
  // Past the end: a bracket that is never closed, for one.
  if (line < 1 || line > lines) return { message: fault.message, line: lines, column: 1 };
  return { message: fault.message, line, column: fault.linePos };
}
