import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { matMulCpu } from './op.cpu.ts';
import { matMul } from './op.ts';
import { at } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const FLAGS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

test.each([
  [1, 1, 1],
  [7, 5, 3],
  [33, 70, 20],
  [100, 16, 12],
])(
  'matMul: [%i, %i] x [.., %i], transposed or not, and its gradients equal the reference',
  async (m, k, n) => {
    const [a, b, dy] = [values(m * k, 1), values(k * n, 2), values(m * n, 3)];
    // Transposed copies, so that every flag computes the same product.
    const turned = (v: Float32Array, rows: number, columns: number): Float32Array =>
      v.map((_, i) => at(v, (i % rows) * columns + Math.floor(i / rows)));
    const y = matMulCpu(a, b, m, k, n);
    const da = matMulCpu(dy, turned(b, k, n), m, n, k);
    const db = matMulCpu(turned(a, m, k), dy, k, m, n);
    const before = gpu.memory().numTensors;
    for (const [ta, tb] of FLAGS) {
      const initial = [
        ta ? gpu.tensor(turned(a, m, k), [k, m]) : gpu.tensor(a, [m, k]),
        tb ? gpu.tensor(turned(b, k, n), [n, k]) : gpu.tensor(b, [k, n]),
        gpu.tensor(dy, [m, n]),
      ];
      const vars = [gpu.variable(at(initial, 0)), gpu.variable(at(initial, 1))];
      const out = gpu.valueAndGrads(() => {
        const product = matMul(at(vars, 0), at(vars, 1), ta, tb);
        return { loss: gpu.sum(gpu.mul(product, at(initial, 2))), aux: [product] };
      }, vars);
      expectClose(await gpu.read(at(out.aux, 0)), y);
      const back = async (
        grad: gpu.Tensor | null,
        isTurned: boolean,
        rows: number,
        columns: number,
      ): Promise<Float32Array> => {
        const got = Float32Array.from(await gpu.read(grad!));
        return isTurned ? turned(got, columns, rows) : got;
      };
      expectClose(await back(at(out.grads, 0), ta, m, k), da);
      expectClose(await back(at(out.grads, 1), tb, k, n), db);
      gpu.dispose([out.loss, ...out.aux, ...out.grads.filter((g) => g !== null), ...initial]);
      for (const v of vars) v.dispose();
    }
    expect(gpu.memory().numTensors).toBe(before);
  },
);
