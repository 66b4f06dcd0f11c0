import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { bindings, flatMain } from '../dispatch/program.ts';
import { emptyTensor } from '../tensor/emptyTensor.ts';
import { runProgram } from '../dispatch/runProgram.ts';
import { testAdapter } from '../testing/adapter.ts';
import { expectClose } from '../testing/numbers.ts';
import {
  activateCpu,
  activationGradWgsl,
  activationKey,
  activationSlopeCpu,
  activationWgsl,
  isSlopeKnownFromOutput,
  type Activation,
} from './activation.ts';
import { at, take } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const ALL: Activation[] = [
  'relu',
  { type: 'leaky_relu', slope: 0.1 },
  'relu6',
  'silu',
  'hswish',
  'hsigmoid',
  'sigmoid',
];
// Corners included; none of the others is near one, so that finite differences hold.
const CORNERS = [0, 3, -3, 6];
const X = [...CORNERS, -100, -20, -4.5, -2.9, -1.3, -0.2, 0.4, 1.7, 2.9, 4.2, 5.9, 6.5, 20, 100];

async function evaluate(activation: Activation, T: 'f32' | 'vec4f', xs: number[]): Promise<Float32Array[]> {
  const padded = [...xs, ...new Array<number>((4 - (xs.length % 4)) % 4).fill(0)];
  const x = gpu.tensor(padded, [padded.length]);
  const [y, slope] = [emptyTensor(x.shape), emptyTensor(x.shape)];
  runProgram(
    {
      key: `activationTest ${T} ${activationKey(activation)}`,
      source: () => `${bindings({ x: T }, { y: T, slope: T })}
${activationWgsl(activation, T)}
${activationGradWgsl(activation, T)}
${flatMain(`if (i < ${T === 'f32' ? padded.length : padded.length / 4}u) { y[i] = activate(x[i]); slope[i] = activationSlope(x[i]); }`)}`,
    },
    { reads: [x], writes: [y, slope], grid: [1, 1, 1] },
  );
  const out = [await gpu.read(y), await gpu.read(slope)];
  gpu.dispose([x, y, slope]);
  return out.map((values) => Float32Array.from(values.subarray(0, xs.length)));
}

test.each(ALL.map((a) => [activationKey(a), a] as const))(
  'activation: %s: WGSL equals the reference, whose slope equals finite differences',
  async (_, activation) => {
    for (const T of ['f32', 'vec4f'] as const) {
      const [y, slope] = take(await evaluate(activation, T, X), 2);
      X.forEach((x, i) => {
        // Relative to each value, as exp() is good to 3 + 2 |x| ulp; SiLU's slope cancels near its minimum.
        const tolerance = 2e-6 + (3 + 2 * Math.abs(x)) * 1.2e-7;
        expectClose([at(y, i)], [activateCpu(activation, x)], tolerance);
        expectClose([at(slope, i), 0.1], [activationSlopeCpu(activation, x), 0.1], tolerance);
      });
    }
    for (const x of X.filter((v) => !CORNERS.includes(v))) {
      const h = 1e-5;
      const numerical = (activateCpu(activation, x + h) - activateCpu(activation, x - h)) / (2 * h);
      expect(Math.abs(activationSlopeCpu(activation, x) - numerical)).toBeLessThan(1e-8);
    }
  },
);

test('activation: where the output tells the slope, y gives the same slope as x', () => {
  const known = ALL.filter(isSlopeKnownFromOutput);
  expect(known.map(activationKey)).toEqual(['relu', 'leaky_relu(0.1)', 'relu6']);
  for (const activation of known)
    for (const x of X)
      expect(activationSlopeCpu(activation, activateCpu(activation, x))).toBe(
        activationSlopeCpu(activation, x),
      );
  expect(isSlopeKnownFromOutput({ type: 'leaky_relu', slope: -0.5 })).toBe(false);
});

test('activation: NaN stays NaN where the piecewise rules compare', async () => {
  for (const activation of ['relu', 'relu6'] as const)
    expect(at(await evaluate(activation, 'f32', [NaN]), 0)[0]).toBeNaN();
});
