// Activations that other kernels fold in: WGSL of value and slope, and their twins in plain TypeScript.
import { assertNever } from '../../errors/index.ts';

export type Activation =
  | 'relu'
  | { readonly type: 'leaky_relu'; readonly slope: number }
  | 'relu6'
  | 'silu'
  | 'hswish'
  | 'hsigmoid'
  | 'sigmoid';

/** The name for a program's key: every value that changes the source is part of it. Empty without an activation. */
export function activationKey(activation: Activation | undefined): string {
  if (activation === undefined) return '';
  return typeof activation === 'string' ? activation : `${activation.type}(${activation.slope})`;
}

/**
 * True when the sign or range of y tells the slope as well as x does (ReLU and its kin): keep y, not x, for the gradient.
 * {@link activationGradWgsl}'s function may then be called with either.
 */
export function isSlopeKnownFromOutput(activation: Activation): boolean {
  if (typeof activation !== 'string') return activation.slope >= 0;
  return activation === 'relu' || activation === 'relu6';
}

// 1 / (1 + exp(-x)) without overflow at large |x|.
const SIGMOID = (T: string): string => `
fn sigmoidOf(x: ${T}) -> ${T} {
  let e = exp(-abs(x));
  return select(${T}(1.0), e, x < ${T}()) / (1.0 + e);
}`;

/**
 * WGSL: `fn activate(x: T) -> T`. Comparisons are written so that NaN stays NaN.
 *
 * @param T `f32` or `vec4f`.
 */
export function activationWgsl(activation: Activation, T: 'f32' | 'vec4f'): string {
  const fn = (value: string): string => `fn activate(x: ${T}) -> ${T} { return ${value}; }`;
  // clamp() may drop NaN: selects don't.
  const limited = (value: string, high: string): string =>
    `select(select(${value}, ${T}(${high}), ${value} > ${T}(${high})), ${T}(), ${value} < ${T}())`;
  if (typeof activation !== 'string') return fn(`select(f32(${activation.slope}) * x, x, x > ${T}())`);
  switch (activation) {
    case 'relu':
      return fn(`select(x, ${T}(), x < ${T}())`);
    case 'relu6':
      return fn(limited('x', '6.0'));
    case 'silu':
      return `${SIGMOID(T)}\n${fn('x * sigmoidOf(x)')}`;
    case 'sigmoid':
      return `${SIGMOID(T)}\n${fn('sigmoidOf(x)')}`;
    case 'hsigmoid':
      return fn(limited('(x / 6.0 + 0.5)', '1.0'));
    case 'hswish':
      return fn(`x * ${limited('(x / 6.0 + 0.5)', '1.0')}`);
    default:
      return assertNever(activation);
  }
}

/**
 * WGSL: `fn activationSlope(x: T) -> T`, the derivative at x, torch's choice at the corners (0 at 0 for ReLU). May also be
 * called with y where {@link isSlopeKnownFromOutput}. Doesn't clash with {@link activationWgsl} in one module.
 *
 * @param T `f32` or `vec4f`.
 */
export function activationGradWgsl(activation: Activation, T: 'f32' | 'vec4f'): string {
  const fn = (body: string): string => `fn activationSlope(x: ${T}) -> ${T} { ${body} }`;
  const zero = `${T}()`;
  const one = `${T}(1.0)`;
  const inside = (low: string, high: string, value: string): string =>
    `return select(${zero}, ${value}, (x > ${T}(${low})) & (x < ${T}(${high})));`;
  // 1 - s is computed as sigmoid(-x) would be: exact for large x.
  const sigmoid = `let e = exp(-abs(x)); let n = 1.0 / (1.0 + e);
  let s = select(n, e * n, x < ${zero}); let t = select(e * n, n, x < ${zero});`;
  if (typeof activation !== 'string')
    return fn(`return select(${T}(${activation.slope}), ${one}, x > ${zero});`);
  switch (activation) {
    case 'relu':
      return fn(`return select(${zero}, ${one}, x > ${zero});`);
    case 'relu6':
      return fn(inside('0.0', '6.0', one));
    case 'silu':
      return fn(`${sigmoid} return s + x * s * t;`);
    case 'sigmoid':
      return fn(`${sigmoid} return s * t;`);
    case 'hsigmoid':
      return fn(inside('-3.0', '3.0', `${T}(1.0 / 6.0)`));
    case 'hswish':
      return fn(`return select(select(x / 3.0 + 0.5, ${one}, x >= ${T}(3.0)), ${zero}, x <= ${T}(-3.0));`);
    default:
      return assertNever(activation);
  }
}

const sigmoidCpu = (x: number): number => 1 / (1 + Math.exp(-x));
const limit = (v: number, high: number): number => Math.min(Math.max(v, 0), high);

/** The specification of {@link activationWgsl}. */
export function activateCpu(activation: Activation | undefined, x: number): number {
  if (activation === undefined) return x;
  if (typeof activation !== 'string') return x > 0 ? x : activation.slope * x;
  switch (activation) {
    case 'relu':
      return Math.max(x, 0);
    case 'relu6':
      return limit(x, 6);
    case 'silu':
      return x * sigmoidCpu(x);
    case 'sigmoid':
      return sigmoidCpu(x);
    case 'hsigmoid':
      return limit(x / 6 + 0.5, 1);
    case 'hswish':
      return x * limit(x / 6 + 0.5, 1);
    default:
      return assertNever(activation);
  }
}

/** The specification of {@link activationGradWgsl}. */
export function activationSlopeCpu(activation: Activation | undefined, x: number): number {
  if (activation === undefined) return 1;
  if (typeof activation !== 'string') return x > 0 ? 1 : activation.slope;
  switch (activation) {
    case 'relu':
      return x > 0 ? 1 : 0;
    case 'relu6':
      return x > 0 && x < 6 ? 1 : 0;
    case 'silu':
      return sigmoidCpu(x) * (1 + x * sigmoidCpu(-x));
    case 'sigmoid':
      return sigmoidCpu(x) * sigmoidCpu(-x);
    case 'hsigmoid':
      return x > -3 && x < 3 ? 1 / 6 : 0;
    case 'hswish':
      return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    default:
      return assertNever(activation);
  }
}
