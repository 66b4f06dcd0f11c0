// The few ops the benchmark's net needs, once from our kernels and once from stock TensorFlow.js.
import * as tf from '@tensorflow/tfjs';
import * as gpu from '../src/gpu/index.ts';

export type T = gpu.Tensor;

export interface Ops {
  readonly name: string;
  conv(x: T, w: T, bias: T | null, stride: number, padding: number, hasRelu: boolean): T;
  norm(x: T, gamma: T, beta: T, hasRelu: boolean): T;
  relu(x: T): T;
  add(a: T, b: T): T;
  /** 3x3, stride 2, padding 1. */
  maxPool(x: T): T;
  upsample(x: T, height: number, width: number): T;
  meanSquare(x: T): T;
  lossAndGrads(f: () => T, variables: gpu.Variable[]): { loss: T; grads: T[] };
}

export const ours: Ops = {
  name: 'ours, eager',
  conv: (x, w, bias, stride, padding, hasRelu) =>
    gpu.conv2d(x, w, bias, {
      stride: [stride, stride],
      padding: [padding, padding],
      activation: hasRelu ? 'relu' : undefined,
    }),
  norm: (x, gamma, beta, hasRelu) => gpu.batchNormTrain(x, gamma, beta, 1e-5, hasRelu ? 'relu' : undefined).y,
  relu: gpu.relu,
  add: gpu.add,
  maxPool: (x) => gpu.maxPool2d(x, [3, 3], [2, 2], [1, 1]),
  upsample: (x, height, width) => gpu.upsampleNearest2d(x, [height, width]),
  meanSquare: (x) => gpu.mean(gpu.square(x)),
  lossAndGrads: (f, variables) => {
    const { loss, grads } = gpu.valueAndGrads(() => ({ loss: f() }), variables);
    return { loss, grads: grads.filter((g) => g !== null) };
  },
};

const both = (n: number): [number, number] => [n, n];

export const stock: Ops = {
  name: 'stock tfjs',
  conv: (x, w, bias, stride, padding, hasRelu) => {
    const pad: [[number, number], [number, number], [number, number], [number, number]] = [
      both(0),
      both(padding),
      both(padding),
      both(0),
    ];
    const y = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, both(stride), pad);
    const biased = bias ? tf.add(y, bias) : y;
    return hasRelu ? tf.relu(biased) : biased;
  },
  norm: (x, gamma, beta, hasRelu) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const y = tf.batchNorm(
      x as tf.Tensor4D,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      beta as tf.Tensor1D,
      gamma as tf.Tensor1D,
      1e-5,
    );
    return hasRelu ? tf.relu(y) : y;
  },
  relu: tf.relu,
  add: tf.add,
  maxPool: (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, [both(0), both(1), both(1), both(0)]),
  upsample: (x, height, width) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [height, width]),
  meanSquare: (x) => tf.mean(tf.square(x)),
  lossAndGrads: (f, variables) => {
    const { value, grads } = tf.variableGrads(() => f() as tf.Scalar, variables);
    return { loss: value, grads: Object.values(grads) };
  },
};
