// Gradients in a checkpoint: what an accumulation that isn't over has summed up.

import { read, tensor, type Tensor } from '../../gpu/index.ts';
import { gpuShape, gpuToTorch, torchToGpu, type Parameter } from '../../nn/index.ts';
import { TorchTensor } from '../../serialization/index.ts';

/** Copy gradients out, by parameter name, in PyTorch's axes; all readbacks are queued at once. */
export async function saveGrads(
  grads: readonly (readonly [Parameter, Tensor])[],
): Promise<Record<string, TorchTensor>> {
  return Object.fromEntries(
    await Promise.all(
      grads.map(async ([{ name, shape, layout }, grad]): Promise<[string, TorchTensor]> => {
        const data = gpuToTorch(Float32Array.from(await read(grad)), shape, layout);
        return [name, new TorchTensor({ shape: [...shape], dtype: 'float32', data })];
      }),
    ),
  );
}

/**
 * The gradients that {@link saveGrads} kept, new tensors in GPU layout, the caller's; names and shapes that don't fit
 * are left out.
 */
export function loadGrads(parameters: readonly Parameter[], saved: unknown): Map<Parameter, Tensor> {
  const grads = new Map<Parameter, Tensor>();
  if (typeof saved !== 'object' || saved === null) return grads;
  const byName = new Map(Object.entries(saved));
  for (const parameter of parameters) {
    const value: unknown = byName.get(parameter.name);
    if (!(value instanceof TorchTensor) || value.shape.join() !== parameter.shape.join()) continue;
    const data = torchToGpu(
      Float32Array.from(value.data as ArrayLike<number>),
      parameter.shape,
      parameter.layout,
    );
    grads.set(parameter, tensor(data, [...gpuShape(parameter.shape, parameter.layout)], 'float32'));
  }
  return grads;
}
