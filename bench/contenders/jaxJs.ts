// jax-js: forward, backward and SGD with momentum in one jitted function.
import {
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  valueAndGrad,
} from '@jax-js/jax';
import {
  imageValues,
  LR,
  MOMENTUM,
  parameterValues,
  type Activation,
  type NetSpec,
  type Node,
} from '../nets/netSpec.ts';
import type { Contender, Job, Stepper } from './contender.ts';
import { paced } from './device.ts';
import { at } from '../../src/util/at.ts';

/** @throws Error when jax-js finds no WebGPU */
export async function jaxJs(adapter: string, version: string): Promise<Contender> {
  const found = await init('webgpu');
  if (!found.includes('webgpu')) throw new Error(`jax-js started ${found.join(', ')} only`);
  defaultDevice('webgpu');
  return { about: `jax-js ${version}, ${adapter}`, load: async (job) => load(job) };
}

function load(job: Job): Stepper {
  if (job.kind !== 'net') throw new Error('jax-js runs nets only');
  const { net } = job;
  const image = imageValues(net);
  const [h, w, c] = at(net.shapes, 0);
  let params = net.params.map((spec, i) => np.array(parameterValues(spec, i), { shape: [...spec.shape] }));
  let momenta = net.params.map((spec) => np.zeros([...spec.shape]));
  let loss: np.Array | null = null;
  const run = jit((weights: np.Array[], buffers: np.Array[], batch: np.Array) =>
    step(net, weights, buffers, batch),
  );
  return {
    step() {
      loss?.dispose();
      const batch = np.array(image, { shape: [net.batch, h, w, c] });
      const [value, nextParams, nextMomenta] = run(params, momenta, batch);
      [loss, params, momenta] = [value, nextParams, nextMomenta];
    },
    async idle() {
      // The jitted function's kernels wait on the host until one of its results is asked for.
      if (loss) await paced(blockUntilReady(loss));
      await paced(getWebGPUDevice().queue.onSubmittedWorkDone());
    },
    value: async () => (loss ? (await paced(loss.ref.data()))[0] : NaN),
  };
}

type Result = [np.Array, np.Array[], np.Array[]];

function step(net: NetSpec, params: np.Array[], momenta: np.Array[], batch: np.Array): Result {
  const [loss, grads] = valueAndGrad((weights: np.Array[]) => lossOf(net, weights, batch))(
    params.map((p) => p.ref),
  );
  const nextMomenta = momenta.map((m, i) => m.mul(MOMENTUM).add(at(grads, i)));
  const nextParams = params.map((p, i) => p.sub(at(nextMomenta, i).ref.mul(LR)));
  return [loss, nextParams, nextMomenta];
}

/** Arrays are used up by each operation unless `.ref` is taken; weights of shared layers are read several times. */
function lossOf(net: NetSpec, params: readonly np.Array[], batch: np.Array): np.Array {
  const values: np.Array[] = [batch.transpose([0, 3, 1, 2])];
  for (const node of net.nodes) values.push(forward(node, values, params));
  const losses = net.outputs.map((i) => np.mean(np.square(at(values, i).ref)));
  const total = losses.reduce((a, b) => a.add(b));
  for (const array of [...values, ...params]) array.dispose();
  return total;
}

function forward(node: Node, values: readonly np.Array[], params: readonly np.Array[]): np.Array {
  const x = at(values, node.x).ref;
  switch (node.op) {
    case 'conv': {
      const { stride, padding, groups } = node;
      const pads: [number, number][] = [
        [padding, padding],
        [padding, padding],
      ];
      const y = lax.convGeneralDilated(x, at(params, node.weight).ref, [stride, stride], pads, {
        featureGroupCount: groups,
      });
      return activate(node.bias === null ? y : y.add(perChannel(at(params, node.bias))), node.activation);
    }
    case 'norm': {
      const axes = [0, 2, 3];
      const centred = x.ref.sub(x.mean(axes, { keepdims: true }));
      const variance = np.square(centred.ref).mean(axes, { keepdims: true });
      const scale = perChannel(at(params, node.gamma)).div(np.sqrt(variance.add(1e-5)));
      return activate(centred.mul(scale).add(perChannel(at(params, node.beta))), node.activation);
    }
    case 'relu':
      return nn.relu(x);
    case 'add':
      return x.add(at(values, node.y).ref);
    case 'maxPool': {
      // reduceWindow has no padding of its own; zeros do, since nothing is negative here.
      const padded = np.pad(x, [
        [0, 0],
        [0, 0],
        [1, 1],
        [1, 1],
      ]);
      return lax.reduceWindow(padded, (window) => np.max(window), [3, 3], [2, 2]);
    }
    case 'upsample':
      return np.repeat(np.repeat(x, 2, 2), 2, 3);
  }
}

function perChannel(x: np.Array): np.Array {
  return x.ref.reshape([1, -1, 1, 1]);
}

function activate(x: np.Array, activation: Activation | null): np.Array {
  if (activation === null) return x;
  return activation === 'relu' ? nn.relu(x) : nn.relu6(x);
}
