// WGSL of elementwise functions with broadcasting: a value at a time, or four where all inputs lie flat.
import { eachElement, perThreadKey, type PerThread } from '../../dispatch/eachElement.ts';
import { bindings, type Program } from '../../dispatch/program.ts';
import { at } from '../../../util/at.ts';

export interface MapSource {
  /** Names the function: every value that changes its source is part of the name. */
  readonly name: string;
  /**
   * WGSL expression over the inputs `a`, `b`, `c` of type V and the parameters `u.p0`, `u.p1`… (f32). V is F (f32 or
   * vec4f), or I (i32 or vec4i) where every input is an integer; B is the matching bool. Has `isNan(x: F) -> B`.
   */
  readonly expression: string;
  /** WGSL functions that the expression calls, for values of type T. */
  readonly helpers?: (T: 'f32' | 'vec4f') => string;
  /** Integer inputs are turned into floats. */
  readonly isFloat?: boolean;
  /** The expression is of type I whatever V is. */
  readonly isIntResult?: boolean;
}

/** How an input is read: at the thread's index, by strides, always its one value, or a number of the uniforms. */
export type InputMode = 'flat' | 'strided' | 'one' | 'number';

export interface MapInput {
  readonly mode: InputMode;
  readonly isInt: boolean;
}

export interface MapVariant {
  readonly inputs: readonly MapInput[];
  readonly isIntMath: boolean;
  readonly width: 1 | 4;
  readonly numParams: number;
  readonly perThread: PerThread;
}

/** Axes that strided inputs are read by, after joining neighbours. */
export const MAX_RANK = 4;

const NAMES = ['a', 'b', 'c'];
const AXES = Array.from({ length: MAX_RANK }, (_, axis) => axis);

/** WGSL: the coordinates `x0`… of index `i` in the dims `u.d0`…, the last axis fastest. */
export const COORDINATES = [...AXES]
  .reverse()
  .map((axis, k) =>
    axis === 0 ? `let x0 = r${k};` : `let x${axis} = r${k} % u.d${axis}; let r${k + 1} = r${k} / u.d${axis};`,
  )
  .join('\n  ');

/** Uniform fields of a list of {@link MAX_RANK} numbers. */
export const axisFields = (name: string): string => AXES.map((axis) => `${name}${axis}: u32`).join(', ');

/** WGSL: the sum of the coordinates times the strides `u.<name>0`…. */
export const dotStrides = (name: string): string =>
  AXES.map((axis) => `x${axis} * u.${name}${axis}`).join(' + ');

/**
 * Uniforms: size (of elements), dims and the strides of each strided input where there is one, numbers in the order of the
 * inputs, parameters.
 */
export function mapProgram(source: MapSource, variant: MapVariant): Program {
  const { inputs, isIntMath, width, numParams, perThread } = variant;
  const letters = inputs.map(({ mode, isInt }) => (isInt ? at(mode, 0).toUpperCase() : mode[0])).join('');
  return {
    key: `map ${source.name} ${letters}${isIntMath ? ' i32' : ''} c${width}${perThreadKey(perThread)}`,
    source: () => {
      const T = width === 4 ? 'vec4f' : 'f32';
      const isStrided = inputs.some(({ mode }) => mode === 'strided');
      const fields = ['size: u32'];
      if (isStrided) fields.push(axisFields('d'));
      const reads: Record<string, string> = {};
      const loads: string[] = [];
      inputs.forEach(({ mode, isInt }, k) => {
        const name = at(NAMES, k);
        if (mode === 'strided') fields.push(axisFields(name));
        if (mode !== 'number') reads[`${name}_data`] = typeName(isInt, mode === 'one' ? 1 : width);
        loads.push(`let ${name} = V(${loadOf(name, mode, isIntMath)});`);
      });
      inputs.forEach(({ mode }, k) => {
        if (mode === 'number') fields.push(`n_${NAMES[k]}: f32`);
      });
      for (let k = 0; k < numParams; k += 1) fields.push(`p${k}: f32`);
      const isIntResult = source.isIntResult === true || isIntMath;
      return `${aliases(width)}
alias V = ${isIntMath ? 'I' : 'F'};
${bindings(reads, { result: typeName(isIntResult, width) }, fields.join(', '))}
${IS_NAN}
${source.helpers?.(T) ?? ''}
${eachElement(
  `${isStrided ? `let r0 = i;\n  ${COORDINATES}` : ''}
  ${loads.join('\n  ')}
  result[i] = ${source.expression};`,
  perThread,
)}`;
    },
  };
}

const typeName = (isInt: boolean, width: 1 | 4): string =>
  width === 4 ? (isInt ? 'vec4i' : 'vec4f') : isInt ? 'i32' : 'f32';

function loadOf(name: string, mode: InputMode, isIntMath: boolean): string {
  const scalar = isIntMath ? 'i32' : 'f32';
  switch (mode) {
    case 'flat':
      return `${name}_data[i]`;
    case 'strided':
      return `${name}_data[${dotStrides(name)}]`;
    case 'one':
      return `${scalar}(${name}_data[0])`;
    case 'number':
      return `${scalar}(u.n_${name})`;
  }
}

const aliases = (width: 1 | 4): string =>
  width === 4
    ? 'alias F = vec4f; alias I = vec4i; alias U = vec4u; alias B = vec4<bool>;'
    : 'alias F = f32; alias I = i32; alias U = u32; alias B = bool;';

// From bits: comparisons of floats may be compiled as if NaN didn't exist.
const IS_NAN = 'fn isNan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }';
