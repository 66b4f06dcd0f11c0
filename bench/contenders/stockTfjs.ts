// TensorFlow.js as it comes: its own WebGPU backend, kernels, gradients and optimizers.
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import {
  imageValues,
  LR,
  MOMENTUM,
  parameterValues,
  type Activation,
  type NetSpec,
  type Node,
  type ParamSpec,
} from '../nets/netSpec.ts';
import { optimizerGrads, optimizerValues, type Contender, type Job, type Stepper } from './contender.ts';
import { paced } from './device.ts';
import { opStepper } from './tfjsOps.ts';
import { at, take } from '../../src/util/at.ts';

/** @throws Error when tfjs didn't start its WebGPU backend (it falls back silently) */
export async function stockTfjs(adapter: string): Promise<Contender> {
  await tf.setBackend('webgpu');
  await tf.ready();
  if (tf.getBackend() !== 'webgpu') throw new Error(`tfjs chose its backend '${tf.getBackend()}'`);
  return { about: `TensorFlow.js ${tf.version.tfjs}, ${adapter}`, load: async (job) => load(job) };
}

function load(job: Job): Stepper {
  switch (job.kind) {
    case 'net':
      return netStepper(job.net);
    case 'optimizer':
      return optimizerStepper(job.optimizer.shapes, job.optimizer.rule);
    case 'op':
      return opStepper(job, submit, idle);
  }
}

function netStepper(net: NetSpec): Stepper {
  const variables = net.params.map((spec, i) => variable(spec, parameterValues(spec, i), i));
  const optimizer = tf.train.momentum(LR, MOMENTUM);
  const image = imageValues(net);
  const [h, w, c] = at(net.shapes, 0);
  let loss: tf.Scalar | null = null;
  return {
    step() {
      loss?.dispose();
      const batch = tf.tensor4d(image, [net.batch, h, w, c]);
      loss = optimizer.minimize(() => lossOf(net, batch, variables), true, variables);
      batch.dispose();
      submit();
    },
    idle,
    value: async () => (loss ? at(await loss.data(), 0) : NaN),
    tensors: () => tf.memory().numTensors,
  };
}

function variable(spec: ParamSpec, values: Float32Array, index: number): tf.Variable {
  return tf.tidy(() => {
    if (spec.kind !== 'weight') return tf.variable(tf.tensor1d(values), true, `p${index}`);
    // [out, in / groups, kh, kw] to [kh, kw, in, out]; depthwise filters are [kh, kw, channels, 1] in tfjs.
    const [, perGroup] = spec.shape;
    const weight = tf.tensor4d(values, asShape4(spec.shape));
    const isDepthwise = perGroup === 1;
    return tf.variable(tf.transpose(weight, isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]), true, `p${index}`);
  });
}

function asShape4(shape: readonly number[]): [number, number, number, number] {
  return [...take(shape, 4)];
}

function lossOf(net: NetSpec, image: tf.Tensor4D, params: readonly tf.Variable[]): tf.Scalar {
  const values: tf.Tensor4D[] = [image];
  for (const node of net.nodes) values.push(forward(node, values, params));
  const losses = net.outputs.map((i) => tf.mean(tf.square(at(values, i))));
  // Not addN: its kernel binds them all, and tfjs's device allows 8.
  return losses.reduce((a, b) => tf.add(a, b)).asScalar();
}

function forward(node: Node, values: readonly tf.Tensor4D[], params: readonly tf.Variable[]): tf.Tensor4D {
  const x = at(values, node.x);
  switch (node.op) {
    case 'conv': {
      const weight = params[node.weight] as tf.Tensor as tf.Tensor4D;
      const both: [number, number] = [node.padding, node.padding];
      const pad: [[number, number], [number, number], [number, number], [number, number]] = [
        [0, 0],
        both,
        both,
        [0, 0],
      ];
      const y =
        node.groups === 1
          ? tf.conv2d(x, weight, node.stride, pad)
          : tf.depthwiseConv2d(x, weight, node.stride, pad);
      return activate(
        node.bias === null ? y : tf.add<tf.Tensor4D>(y, at(params, node.bias)),
        node.activation,
      );
    }
    case 'norm': {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      const [gamma, beta] = [params[node.gamma], params[node.beta]] as tf.Tensor[] as tf.Tensor1D[];
      const y = tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, 1e-5);
      return activate(y, node.activation);
    }
    case 'relu':
      return tf.relu(x);
    case 'add':
      return tf.add(x, at(values, node.y));
    case 'maxPool':
      return tf.maxPool(x, 3, 2, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]);
    case 'upsample':
      return tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]);
  }
}

function activate(x: tf.Tensor4D, activation: Activation | null): tf.Tensor4D {
  if (activation === null) return x;
  return activation === 'relu' ? tf.relu(x) : tf.relu6(x);
}

function optimizerStepper(shapes: readonly (readonly number[])[], rule: 'sgd' | 'adam'): Stepper {
  const variables = shapes.map((shape, i) =>
    tf.variable(tf.tensor(optimizerValues(shape, i), [...shape]), true, `p${i}`),
  );
  const grads = shapes.map((shape, i) => ({
    name: `p${i}`,
    tensor: tf.tensor(optimizerGrads(shape, i), [...shape]),
  }));
  const optimizer = rule === 'sgd' ? tf.train.momentum(LR, MOMENTUM) : tf.train.adam(LR);
  return {
    step() {
      optimizer.applyGradients(grads);
      submit();
    },
    idle,
    value: async () => {
      const total = tf.sum(at(variables, 0));
      const value = at(await total.data(), 0);
      total.dispose();
      return value;
    },
  };
}

interface Backend {
  readonly device: GPUDevice;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

function backend(): Backend {
  return tf.backend() as unknown as Backend;
}

/** tfjs submits every 15 dispatches: hand over the rest. */
function submit(): void {
  const queue = backend();
  queue.ensureCommandEncoderReady();
  queue.endComputePassEncoder();
  queue.submitQueue();
}

async function idle(): Promise<void> {
  await paced(backend().device.queue.onSubmittedWorkDone());
}
