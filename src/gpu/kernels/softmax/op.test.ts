import { afterAll, beforeAll, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { softmaxCpu, softmaxGradCpu } from './op.cpu.ts';
import { at } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [1, 1],
  [1, 7],
  [65, 3],
  [130, 81],
])('softmax of %i rows of %i equals the reference, forward and backward', async (rows, columns) => {
  const [xv, dyv] = [values(rows * columns, 1).map((v) => 6 * v), values(rows * columns, 2)];
  const x = gpu.variable(gpu.tensor(xv, [rows, columns]));
  const dy = gpu.tensor(dyv, [rows, columns]);
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.softmax(x);
    return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y] };
  }, [x]);
  const y = softmaxCpu(xv, columns);
  expectClose(await gpu.read(at(aux, 0)), y);
  expectClose(await gpu.read(grads[0]!), softmaxGradCpu(dyv, y, columns), 1e-5);
});

test('softmax: the reference gradient equals finite differences', () => {
  const [x, dy] = [values(15, 1), values(15, 2)];
  const loss = (v: ArrayLike<number>): number =>
    softmaxCpu(v, 5).reduce((sum, y, i) => sum + y * at(dy, i), 0);
  expectClose(softmaxGradCpu(dy, softmaxCpu(x, 5), 5), numericalGrad(loss, x), 1e-8);
});
