// Stock TensorFlow.js's side of the micro-benchmarks: only what it has as an op of its own, or in a few.
import * as tf from '@tensorflow/tfjs';
import { inputValues, opNamed, type OpSpec } from '../ops/opSpec.ts';
import { LR, MOMENTUM } from '../nets/netSpec.ts';
import type { OpJob, Stepper } from './contender.ts';
import { at } from '../../src/util/at.ts';

/** Takes apart as many inputs as its op has: OPS says how many. */
type Inputs = readonly tf.Tensor[] & { readonly 0: tf.Tensor; readonly 1: tf.Tensor; readonly 2: tf.Tensor };
type Run = (inputs: Inputs) => tf.Tensor;

const pool: Run = ([x]) =>
  tf.maxPool(x as tf.Tensor4D, 3, 2, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
const upsample: Run = ([x]) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [64, 80]);
const norm: Run = ([x, gamma, beta]) => {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.relu(
    tf.batchNorm(
      x,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      beta as tf.Tensor1D,
      gamma as tf.Tensor1D,
      1e-5,
    ),
  );
};

const RUNS: Readonly<Record<string, Run>> = {
  batchNorm: norm,
  batchNormGrad: norm,
  maxPool: pool,
  maxPoolGrad: pool,
  upsample,
  upsampleGrad: upsample,
  concat: ([x, y]) => tf.concat([x, y], 3),
  sum: ([x]) => tf.sum(x),
  sumRows: ([x]) => tf.sum(x, [0, 1, 2]),
  max: ([x]) => tf.max(x, [3]),
  relu: ([x]) => tf.relu(x),
  silu: ([x]) => tf.mul(x, tf.sigmoid(x)),
  add: ([x, y]) => tf.add(x, y),
  scale: ([x, y]) => tf.mul(x, y),
};

/** @throws Error for an op that tfjs doesn't have */
export function opStepper({ op, repeats }: OpJob, submit: () => void, idle: () => Promise<void>): Stepper {
  const spec = opNamed(op);
  if (op === 'sgd' || op === 'adam') return optimizerStepper(spec, repeats, submit, idle);
  if (!(op in RUNS)) throw new Error(`tfjs has no op for ${spec.title}`);
  const run = runOf(spec);
  return {
    step() {
      for (let i = 0; i < repeats; i++) tf.dispose(run());
      submit();
    },
    idle,
    value: async () => {
      const results = run();
      const mean = tf.tidy(() => tf.mean(at(results, 0)));
      const value = at(await mean.data(), 0);
      tf.dispose([mean, ...results]);
      return value;
    },
  };
}

function runOf(spec: OpSpec): () => tf.Tensor[] {
  const { differentiated = [] } = spec;
  const inputs = spec.inputs.map((input, i) => tf.tensor(inputValues(input, i), [...input.shape]));
  const op = RUNS[spec.name];
  if (!op) throw new Error(`internal: no op is called ${spec.name}`);
  const run = (tensors: readonly tf.Tensor[]): tf.Tensor => op(tensors as Inputs);
  if (differentiated.length === 0) return () => [tf.tidy(() => run(inputs))];
  const gradients = tf.grads((...given: tf.Tensor[]) =>
    tf.sum(
      run(inputs.map((x, i) => (differentiated.includes(i) ? at(given, differentiated.indexOf(i)) : x))),
    ),
  );
  return () => tf.tidy(() => gradients(differentiated.map((i) => at(inputs, i))));
}

function optimizerStepper(
  { name, inputs }: OpSpec,
  repeats: number,
  submit: () => void,
  idle: () => Promise<void>,
): Stepper {
  const input = at(inputs, 0);
  const variable = tf.variable(tf.tensor(inputValues(input, 0), [...input.shape]), true, 'p');
  const grads = [{ name: variable.name, tensor: tf.tensor(inputValues(input, 1), [...input.shape]) }];
  const optimizer = name === 'sgd' ? tf.train.momentum(LR, MOMENTUM) : tf.train.adam(LR);
  return {
    step() {
      for (let i = 0; i < repeats; i++) optimizer.applyGradients(grads);
      submit();
    },
    idle,
    value: async () => NaN,
  };
}
