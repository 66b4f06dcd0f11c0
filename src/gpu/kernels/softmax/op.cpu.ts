// Reference of softmax over rows of `columns`, and of its gradient, in float64.
import { at } from '../../../util/at.ts';
type Values = ArrayLike<number>;

export function softmaxCpu(x: Values, columns: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let high = -Infinity;
    for (let j = 0; j < columns; j += 1) high = Math.max(high, at(x, start + j));
    let sum = 0;
    for (let j = 0; j < columns; j += 1) sum += Math.exp(at(x, start + j) - high);
    for (let j = 0; j < columns; j += 1) y[start + j] = Math.exp(at(x, start + j) - high) / sum;
  }
  return y;
}

/** dx from dy and the softmax y. */
export function softmaxGradCpu(dy: Values, y: Values, columns: number): Float64Array {
  return Float64Array.from(dy, (d, i) => {
    const start = i - (i % columns);
    let dot = 0;
    for (let j = 0; j < columns; j += 1) dot += at(dy, start + j) * at(y, start + j);
    return at(y, i) * (d - dot);
  });
}
