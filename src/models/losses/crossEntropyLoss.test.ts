// Values and gradients of the sum, by PyTorch 1.13 and mmdet 2.28.2's formulas around it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disposeEngine, memory, read, sum, tensor, valueAndGrads, variable } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { expectClose } from '../../gpu/testing/numbers.ts';
import { BuildContext, createRunRegistries } from '../../registry/index.ts';
import '../index.ts';
import type { Loss } from './reduction.ts';
import { at } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => disposeEngine());

const build = (cfg: Record<string, unknown>): Loss =>
  new BuildContext(createRunRegistries(), {} as never).build<Loss>(
    'MODELS',
    { type: 'CrossEntropyLoss', ...cfg },
    'loss_cls',
  );

const PRED = [-0.441, 3.723, 1.872, 0.76, -2.831, 3.259, 2.105, -0.297, -1.099, -60, 80, 0.5];

interface Case {
  readonly name: string;
  readonly cfg: Record<string, unknown>;
  readonly labels?: readonly number[];
  readonly target?: readonly number[];
  readonly weight?: readonly number[];
  readonly avgFactor?: number;
  readonly value: readonly number[];
  readonly grad: readonly number[];
}

const CASES: readonly Case[] = [
  {
    name: 'softmax',
    cfg: {},
    labels: [0, 2, 1, 0],
    value: [36.73238],
    grad: [
      -0.2466858, 0.21319683, 0.033488959, 0.018942423, 0.00052225683, -0.019464672, 0.22101671, -0.22998987,
      0.0089731636, -0.25, 0.25, 7.439242e-36,
    ],
  },
  {
    name: 'softmax: ignored rows, mean over the others, weights',
    cfg: { ignore_index: 2, avg_non_ignore: true, loss_weight: 2.0 },
    labels: [0, 2, 1, 0],
    weight: [1.0, 2.0, 0.5, 0.0],
    value: [3.7239044],
    grad: [-0.65782881, 0.5685249, 0.089303896, 0, 0, 0, 0.29468894, -0.30665317, 0.011964219, 0, 0, 0],
  },
  {
    name: 'softmax: factors of classes, avg_factor',
    cfg: { class_weight: [1.0, 0.5, 2.0] },
    labels: [0, 2, 1, 0],
    avgFactor: 3.0,
    value: [48.582657],
    grad: [
      -0.3289144, 0.28426245, 0.044651948, 0.05051313, 0.0013926849, -0.051905792, 0.14734447, -0.15332659,
      0.0059821093, -0.33333334, 0.33333334, 9.9189898e-36,
    ],
  },
  {
    name: 'softmax: each row',
    cfg: { reduction: 'none', ignore_index: 255 },
    labels: [255, 2, 1, 0],
    value: [0, 0.081056796, 2.5252225, 140.0],
    grad: [
      0, 0, 0, 0.075769693, 0.0020890273, -0.077858686, 0.88406682, -0.91995949, 0.035892654, -1.0, 1.0,
      2.9756968e-35,
    ],
  },
  {
    name: 'sigmoid: no class at all, negative labels',
    cfg: { use_sigmoid: true },
    labels: [0, 3, 1, -1],
    value: [1.2131306],
    grad: [
      -0.050708108, 0.081367388, 0.072224125, 0.056779481, 0.0046393168, 0.080249608, 0.074282348,
      -0.047809079, 0.020827275, 0, 0, 0,
    ],
  },
  {
    name: 'sigmoid: ignored rows, mean over the others, weights',
    cfg: { use_sigmoid: true, ignore_index: 1, avg_non_ignore: true },
    labels: [0, 3, 1, 2],
    weight: [1.0, 2.0, 0.5, 1.0],
    value: [10.685456],
    grad: [
      -0.067610808, 0.10848985, 0.096298836, 0.15141195, 0.012371511, 0.21399894, 0, 0, 0, 9.7294562e-28,
      0.11111111, -0.041948963,
    ],
  },
  {
    name: 'sigmoid: factors of classes, sum',
    cfg: { use_sigmoid: true, class_weight: [1.0, 0.5, 2.0], reduction: 'sum' },
    labels: [0, 3, 1, 2],
    value: [95.079399],
    grad: [
      -0.60849726, 0.97640866, 0.8666895, 0.68135375, 0.0556718, 0.96299523, 0.89138818, -0.28685448,
      0.2499273, 8.7565109e-27, 1.0, -0.7550813,
    ],
  },
  {
    name: 'sigmoid: targets per class, weights per element',
    cfg: { use_sigmoid: true, loss_weight: 0.5 },
    target: [1.0, 0.0, 0.25, 0.0, 1.0, 1.0, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0],
    weight: [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0],
    avgFactor: 2.0,
    value: [16.661213],
    grad: [
      -0.15212432, 0, 0.15417238, 0.17033844, 0, -0.0092511922, 0.097847044, 0, -0.062518179, -0.25, 0,
      0.15561484,
    ],
  },
];

test.each(CASES)('$name', async ({ cfg, labels, target, weight, avgFactor, value, grad }) => {
  const pred = variable(tensor(PRED, [4, 3]));
  const before = memory().numTensors;
  const result = valueAndGrads(() => {
    const goal = labels ? tensor(Int32Array.from(labels), [4]) : tensor(target ?? [], [4, 3]);
    const factors = weight && tensor(weight, weight.length === 4 ? [4] : [4, 3]);
    const loss = build(cfg).forward(pred, goal, { weight: factors, avgFactor });
    return { loss: sum(loss), aux: [loss] };
  }, [pred]);
  expectClose(await read(at(result.aux, 0)), value, 1e-6);
  expectClose(result.grads[0] ? await read(result.grads[0]) : [], grad, 1e-6);
  for (const t of [result.loss, ...result.aux, ...result.grads]) t?.dispose();
  expect(memory().numTensors).toBe(before);
});

test('what it can not do is told at its place', () => {
  expect(() => build({ use_mask: true })).toThrow('use_mask=True is not supported');
  const loss = build({ class_weight: [1, 2] });
  const [pred, labels] = [tensor(PRED, [4, 3]), tensor(Int32Array.of(0, 1, 2, 0), [4])];
  expect(() => loss.forward(pred, labels)).toThrow(
    'class_weight must have one number per class, 3, but has 2',
  );
});
