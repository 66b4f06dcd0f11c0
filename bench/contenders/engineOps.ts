// Our engine's side of the micro-benchmarks.
import * as gpu from '../../src/gpu/index.ts';
import { packImages } from '../../src/gpu/kernels/normaliseImage/packedImages.ts';
import { Parameter } from '../../src/nn/index.ts';
import { Adam, SGD } from '../../src/optim/index.ts';
import { inputValues, opNamed, type OpSpec } from '../ops/opSpec.ts';
import { LR, MOMENTUM } from '../nets/netSpec.ts';
import type { OpJob, Stepper } from './contender.ts';
import { idle } from './engineIdle.ts';
import { at, take } from '../../src/util/at.ts';

/** Takes apart as many inputs as its op has: OPS says how many. */
type Inputs = readonly gpu.Tensor[] & {
  readonly 0: gpu.Tensor;
  readonly 1: gpu.Tensor;
  readonly 2: gpu.Tensor;
};
type Run = (inputs: Inputs) => gpu.Tensor;

const EPS = 1e-5;
const FOCAL = { gamma: 2, alpha: 0.25 };

const RUNS: Readonly<Record<string, Run>> = {
  batchNorm: ([x, gamma, beta]) => gpu.batchNormTrain(x, gamma, beta, EPS, 'relu').y,
  batchNormGrad: ([x, gamma, beta]) => gpu.batchNormTrain(x, gamma, beta, EPS, 'relu').y,
  groupNorm: ([x, gamma, beta]) => gpu.groupNorm(x, 32, gamma, beta, EPS, 'relu'),
  maxPool: ([x]) => gpu.maxPool2d(x, [3, 3], [2, 2], [1, 1]),
  maxPoolGrad: ([x]) => gpu.maxPool2d(x, [3, 3], [2, 2], [1, 1]),
  upsample: ([x]) => gpu.upsampleNearest2d(x, [64, 80]),
  upsampleGrad: ([x]) => gpu.upsampleNearest2d(x, [64, 80]),
  focalLoss: ([x, labels]) => gpu.sigmoidFocalLoss(x, labels, null, FOCAL),
  focalLossGrad: ([x, labels]) => gpu.sigmoidFocalLoss(x, labels, null, FOCAL),
  crossEntropy: ([x, labels]) =>
    gpu.softmaxCrossEntropyLoss(x, labels, null, { ignoreIndex: at(x.shape, 1) }),
  smoothL1: ([x, y]) => gpu.smoothL1Loss(x, y, null, 1),
  giou: ([x, y]) => gpu.giouLoss(x, y, null, 1e-6),
  concat: ([x, y]) => gpu.concat([x, y], 3),
  sum: ([x]) => gpu.sum(x),
  sumRows: ([x]) => gpu.sum(x, [0, 1, 2]),
  max: ([x]) => gpu.max(x, [3]),
  relu: ([x]) => gpu.relu(x),
  silu: ([x]) => gpu.silu(x),
  add: ([x, y]) => gpu.add(x, y),
  scale: ([x, y]) => gpu.mul(x, y),
};

export function opStepper({ op, repeats }: OpJob): Stepper {
  const spec = opNamed(op);
  if (op === 'sgd' || op === 'adam') return optimizerStepper(spec, repeats);
  const run = op === 'normalise' ? normalise(spec) : runOf(spec);
  return {
    step() {
      for (let i = 0; i < repeats; i++) gpu.dispose(run());
      gpu.flush();
    },
    idle,
    value: async () => {
      const results = run();
      const mean = gpu.tidy(() => gpu.mean(at(results, 0)));
      const value = at(await gpu.read(mean), 0);
      gpu.dispose([mean, ...results]);
      return value;
    },
  };
}

/** One run, forward or with gradients; the first tensor is the result's, or the first gradient. */
function runOf(spec: OpSpec): () => gpu.Tensor[] {
  const { differentiated = [] } = spec;
  const inputs = spec.inputs.map((input, i) => gpu.tensor(inputValues(input, i), input.shape));
  const op = RUNS[spec.name];
  if (!op) throw new Error(`internal: no op is called ${spec.name}`);
  const run = (tensors: readonly gpu.Tensor[]): gpu.Tensor => op(tensors as Inputs);
  if (differentiated.length === 0) return () => [gpu.tidy(() => run(inputs))];
  const variables = differentiated.map((i) => gpu.variable(at(inputs, i)));
  const given: readonly gpu.Tensor[] = inputs.map((x, i) => variables[differentiated.indexOf(i)] ?? x);
  return () => {
    const { loss, grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(run(given)) }), variables);
    return [...grads.filter((grad) => grad !== null), loss];
  };
}

/** From bytes by table, as a run's pictures are made. */
function normalise({ inputs }: OpSpec): () => gpu.Tensor[] {
  const input = at(inputs, 0);
  const [batch, height, width] = take(input.shape, 3);
  const bytes = Uint8Array.from(inputValues(input, 0));
  const table = new Float32Array(257 * 3).map((_, i) => (Math.floor(i / 3) - 120) / 58);
  const each = height * width * 3;
  const shape = [batch, height, width, 3] as const;
  const images = Array.from({ length: batch }, (_, b) => ({
    ...{ bytes: bytes.subarray(b * each, (b + 1) * each), height, width, table },
    ...{ flip: null, swapsChannels: false, padded: [height, width] as const },
  }));
  const { words, info } = packImages(images, shape);
  const tensors = [
    gpu.tensor(words, [words.length]),
    gpu.tensor(info, [info.length]),
    gpu.tensor(table, [table.length]),
  ];
  return () => [gpu.normaliseImages(at(tensors, 0), at(tensors, 1), at(tensors, 2), shape)];
}

function optimizerStepper({ name, inputs }: OpSpec, repeats: number): Stepper {
  const input = at(inputs, 0);
  const param = new Parameter(input.shape);
  param.fromTorch(Float32Array.from(inputValues(input, 0)));
  const params = [param];
  const optimizer =
    name === 'sgd' ? new SGD({ params, lr: LR, momentum: MOMENTUM }) : new Adam({ params, lr: LR });
  param.grad = gpu.tensor(inputValues(input, 1), input.shape);
  optimizer.prepare();
  optimizer.pool?.takeGrads();
  return {
    step() {
      for (let i = 0; i < repeats; i++) optimizer.step();
      gpu.flush();
    },
    idle,
    // Each step moves them on: nothing that others could be compared with.
    value: async () => NaN,
  };
}
