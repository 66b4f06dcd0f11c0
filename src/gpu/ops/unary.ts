// Functions of one tensor.
import type { MapSource } from '../kernels/map/op.ts';
import type { Tensor } from '../device/tfjs.ts';
import { unary } from './map.ts';

const float = (name: string, expression: string): MapSource => ({ name, expression, isFloat: true });

const NEG = float('neg', '-a');
const EXP = float('exp', 'exp(a)');
const LOG = float('log', 'log(a)');
const ABS = float('abs', 'abs(a)');
const SQRT = float('sqrt', 'sqrt(a)');
const SQUARE = float('square', 'a * a');
const TIMES = float('mul', 'a * b');
const OVER = float('div', 'a / b');
const ABS_GRAD = float('absGrad', 'a * sign(b)');
const SQRT_GRAD = float('sqrtGrad', 'a / (b * 2.0)');
const SQUARE_GRAD = float('squareGrad', 'a * (b * 2.0)');
// clamp() may drop NaN.
const CLIP = float('clip', 'select(clamp(a, F(u.p0), F(u.p1)), a, isNan(a))');
const CLIP_GRAD = float('clipGrad', 'select(F(), a, (b >= F(u.p0)) & (b <= F(u.p1)))');

export const neg = (x: Tensor): Tensor => unary(x, NEG, NEG, 'nothing');
export const exp = (x: Tensor): Tensor => unary(x, EXP, TIMES, 'y');
export const log = (x: Tensor): Tensor => unary(x, LOG, OVER, 'x');
/** The gradient at 0 is 0, as in torch. */
export const abs = (x: Tensor): Tensor => unary(x, ABS, ABS_GRAD, 'x');
export const sqrt = (x: Tensor): Tensor => unary(x, SQRT, SQRT_GRAD, 'y');
export const square = (x: Tensor): Tensor => unary(x, SQUARE, SQUARE_GRAD, 'x');
/** Limit to [low, high]; the gradient passes at the limits, as in torch. NaN stays NaN. */
export const clip = (x: Tensor, low: number, high: number): Tensor =>
  unary(x, CLIP, CLIP_GRAD, 'x', [low, high]);
