// Our compiled step: the same ops as in eager.ts, recorded once and replayed, then the optimizer, as in a training run.
import * as gpu from '../../src/gpu/index.ts';
import { SGD } from '../../src/optim/index.ts';
import { imageValues, LR, MOMENTUM, type NetSpec } from '../nets/netSpec.ts';
import type { Contender, Job, Stepper } from './contender.ts';
import { idle } from './engineIdle.ts';
import { lossAndGrads, netParameters, update } from './eager.ts';
import { at } from '../../src/util/at.ts';

export async function compiled(adapter: string): Promise<Contender> {
  await gpu.initEngine();
  return { about: `tabtrain, compiled step, ${adapter}`, load };
}

async function load(job: Job): Promise<Stepper> {
  if (job.kind !== 'net') throw new Error('only whole steps are compiled');
  // As a run does: variants are measured on a GPU, and chosen by rule on a software adapter.
  if (!gpu.adapterInfo().isSoftware) gpu.setVariantTuning({ isDeterministic: false });
  return netStepper(job.net);
}

interface StepArgs {
  /** float32 [B, H, W, 3]. */
  readonly image: Float32Array;
}

async function netStepper(net: NetSpec): Promise<Stepper> {
  const params = netParameters(net);
  const optimizer = new SGD({ params, lr: LR, momentum: MOMENTUM });
  // As a run does: the step writes the gradients where the optimizer reads them.
  optimizer.prepare();
  const image = imageValues(net);
  const shape = [net.batch, ...at(net.shapes, 0)];
  const step = gpu.compileStep<StepArgs>({
    name: net.name,
    signature: () => net.name,
    body: (args) => {
      const batch = gpu.stepInput(args, (a: StepArgs) => a.image, shape);
      const { loss, grads } = lossAndGrads(net, params, batch);
      const places = params.map(({ gradSlot }) => gradSlot);
      return { outputs: [loss, ...grads.filter((grad) => grad !== null)], places: [null, ...places] };
    },
  });
  let loss: gpu.Tensor | null = null;
  // Pipelines are compiled side by side, buffers made.
  await step.prepare({ image });
  return {
    step() {
      loss?.dispose();
      const { outputs } = step.run({ image });
      // A number from the eager path would be no number of the compiled step.
      if (step.fallbackReason !== null) throw new Error(`not compiled: ${step.fallbackReason}`);
      loss = at(outputs, 0);
      update(params, optimizer, outputs.slice(1));
      gpu.flush();
    },
    idle,
    value: async () => (loss ? at(await gpu.read(loss), 0) : NaN),
    tensors: () => gpu.memory().numTensors,
  };
}
