// Arithmetic of two operands. Shapes broadcast as in NumPy; plain numbers travel in the uniforms.
import { runMap, type MapSource } from '../kernels/map/op.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { binary, type BinarySlope, type Operand } from './map.ts';

const same: BinarySlope = (dy) => tf.clone(dy);
const negative: BinarySlope = (dy) => runMap(NEG, [dy], dy.shape);
const slope =
  (source: MapSource, pick: 'a' | 'b'): BinarySlope =>
  (dy, a, b) =>
    runMap(source, [dy, pick === 'a' ? a : b], dy.shape);
const slope3 =
  (source: MapSource): BinarySlope =>
  (dy, a, b) =>
    runMap(source, [dy, a, b], dy.shape);

const ADD: MapSource = { name: 'add', expression: 'a + b' };
const SUB: MapSource = { name: 'sub', expression: 'a - b' };
const MUL: MapSource = { name: 'mul', expression: 'a * b' };
const DIV: MapSource = { name: 'div', expression: 'a / b', isFloat: true };
const NEG: MapSource = { name: 'neg', expression: '-a' };
// NaN of either wins, as in torch.
const MINIMUM: MapSource = {
  name: 'minimum',
  expression: 'select(select(b, a, a <= b), a + b, isNan(a) | isNan(b))',
  isFloat: true,
};
const MAXIMUM: MapSource = {
  name: 'maximum',
  expression: 'select(select(b, a, a >= b), a + b, isNan(a) | isNan(b))',
  isFloat: true,
};
const DIV_GRAD: MapSource = { name: 'divGrad', expression: '-(a * (b / c)) / c', isFloat: true };
const masked = (name: string, condition: string): MapSource => ({
  name,
  expression: `select(F(), a, ${condition})`,
  isFloat: true,
});
const WHERE_LESS_EQUAL = masked('whereLessEqual', 'b <= c');
const WHERE_GREATER = masked('whereGreater', 'b > c');
const WHERE_GREATER_EQUAL = masked('whereGreaterEqual', 'b >= c');
const WHERE_LESS = masked('whereLess', 'b < c');

export const add = (a: Operand, b: Operand): Tensor => binary(ADD, a, b, same, same, false);
export const sub = (a: Operand, b: Operand): Tensor => binary(SUB, a, b, same, negative, false);
export const mul = (a: Operand, b: Operand): Tensor => binary(MUL, a, b, slope(MUL, 'b'), slope(MUL, 'a'));
export const div = (a: Operand, b: Operand): Tensor => binary(DIV, a, b, slope(DIV, 'b'), slope3(DIV_GRAD));
/** NaN where either is. Ties send the whole gradient to `a`. */
export const minimum = (a: Operand, b: Operand): Tensor =>
  binary(MINIMUM, a, b, slope3(WHERE_LESS_EQUAL), slope3(WHERE_GREATER));
/** NaN where either is. Ties send the whole gradient to `a`. */
export const maximum = (a: Operand, b: Operand): Tensor =>
  binary(MAXIMUM, a, b, slope3(WHERE_GREATER_EQUAL), slope3(WHERE_LESS));
