// Our engine's ops on the tape, without the compiled step, and our optimizers.
import * as gpu from '../../src/gpu/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import { Adam, SGD, type Optimizer } from '../../src/optim/index.ts';
import {
  imageValues,
  LR,
  MOMENTUM,
  parameterValues,
  type MapShape,
  type NetSpec,
  type Node,
  type ParamSpec,
} from '../nets/netSpec.ts';
import {
  optimizerGrads,
  optimizerValues,
  type Contender,
  type Job,
  type OptimizerJob,
  type Stepper,
} from './contender.ts';
import { idle } from './engineIdle.ts';
import { opStepper } from './engineOps.ts';
import { at } from '../../src/util/at.ts';

export async function eager(adapter: string): Promise<Contender> {
  await gpu.initEngine();
  return { about: `tabtrain, eager, ${adapter}`, load: async (job) => load(job) };
}

function load(job: Job): Stepper {
  switch (job.kind) {
    case 'net':
      return netStepper(job.net);
    case 'optimizer':
      return optimizerStepper(job.optimizer);
    case 'op':
      return opStepper(job);
  }
}

function netStepper(net: NetSpec): Stepper {
  const params = netParameters(net);
  const optimizer = new SGD({ params, lr: LR, momentum: MOMENTUM });
  const image = imageValues(net);
  let loss: gpu.Tensor | null = null;
  return {
    step() {
      loss?.dispose();
      const batch = gpu.tensor(image, [net.batch, ...at(net.shapes, 0)]);
      const result = lossAndGrads(net, params, batch);
      batch.dispose();
      loss = result.loss;
      update(params, optimizer, result.grads);
      gpu.flush();
    },
    idle,
    value: async () => (loss ? at(await gpu.read(loss), 0) : NaN),
    tensors: () => gpu.memory().numTensors,
  };
}

/** The net's parameters with their initial values, on the GPU. */
export function netParameters(net: NetSpec): Parameter[] {
  return net.params.map((spec, i) => {
    const param = new Parameter(spec.shape, layoutOf(spec));
    param.fromTorch(parameterValues(spec, i));
    return param;
  });
}

function layoutOf({ kind }: ParamSpec): 'conv' | 'plain' {
  return kind === 'weight' ? 'conv' : 'plain';
}

/** Forward and backward. @param batch float32 [B, H, W, 3]; borrowed @returns new tensors */
export function lossAndGrads(
  net: NetSpec,
  params: readonly Parameter[],
  batch: gpu.Tensor,
): gpu.ValueAndGrads {
  const variables = params.map((param) => param.variable);
  return gpu.valueAndGrads(() => ({ loss: netLoss(net, params, batch) }), variables);
}

/** @param grads one per parameter; taken */
export function update(
  params: readonly Parameter[],
  optimizer: Optimizer,
  grads: readonly (gpu.Tensor | null)[],
): void {
  params.forEach((param, i) => {
    param.grad = at(grads, i);
  });
  optimizer.step();
  optimizer.zeroGrad();
}

function netLoss(net: NetSpec, params: readonly Parameter[], batch: gpu.Tensor): gpu.Tensor {
  const values = [batch];
  for (const node of net.nodes) values.push(forward(net, node, values, params));
  return net.outputs.map((i) => gpu.mean(gpu.square(at(values, i)))).reduce((a, b) => gpu.add(a, b));
}

function forward(
  net: NetSpec,
  node: Node,
  values: readonly gpu.Tensor[],
  params: readonly Parameter[],
): gpu.Tensor {
  const x = at(values, node.x);
  switch (node.op) {
    case 'conv':
      return gpu.conv2d(
        x,
        at(params, node.weight).variable,
        node.bias === null ? null : at(params, node.bias).variable,
        {
          stride: [node.stride, node.stride],
          padding: [node.padding, node.padding],
          groups: node.groups,
          activation: node.activation ?? undefined,
        },
      );
    case 'norm': {
      const [gamma, beta] = [at(params, node.gamma).variable, at(params, node.beta).variable];
      return gpu.batchNormTrain(x, gamma, beta, 1e-5, node.activation ?? undefined).y;
    }
    case 'relu':
      return gpu.relu(x);
    case 'add':
      return gpu.add(x, at(values, node.y));
    case 'maxPool':
      return gpu.maxPool2d(x, [3, 3], [2, 2], [1, 1]);
    case 'upsample':
      return gpu.upsampleNearest2d(x, twice(at(net.shapes, node.x)));
  }
}

function twice([rows, columns]: MapShape): [number, number] {
  return [2 * rows, 2 * columns];
}

function optimizerStepper({ shapes, rule }: OptimizerJob): Stepper {
  const params = shapes.map((shape, i) => {
    const param = new Parameter(shape);
    param.fromTorch(optimizerValues(shape, i));
    param.grad = gpu.tensor(optimizerGrads(shape, i), shape);
    return param;
  });
  const optimizer =
    rule === 'sgd' ? new SGD({ params, lr: LR, momentum: MOMENTUM }) : new Adam({ params, lr: LR });
  // In a run the compiled step writes the gradients there.
  optimizer.prepare();
  optimizer.pool?.takeGrads();
  return {
    step() {
      optimizer.step();
      gpu.flush();
    },
    idle,
    value: async () => Float32Array.from(await gpu.read(at(params, 0).variable)).reduce((a, b) => a + b, 0),
  };
}
