// Gradients in a checkpoint: what an accumulation that isn't over has summed up.

import { read, tensor } from '../../gpu/index.ts';
import { gpuShape, gpuToTorch, torchToGpu, type Parameter } from '../../nn/index.ts';
import { TorchTensor } from '../../serialization/index.ts';

/** Copy gradients out, by parameter name, in PyTorch's axes; all readbacks are queued at once. */
export async function saveGrads(parameters: readonly Parameter[]): Promise<Record<string, TorchTensor>> {
  const saved = await Promise.all(
    parameters.map(async ({ name, shape, layout, grad }): Promise<[string, TorchTensor] | null> => {
      if (!grad) return null;
      const data = gpuToTorch(Float32Array.from(await read(grad)), shape, layout);
      return [name, new TorchTensor({ shape: [...shape], dtype: 'float32', data })];
    }),
  );
  return Object.fromEntries(saved.filter((entry) => entry !== null));
}

/** Give parameters the gradients that {@link saveGrads} kept; names and shapes that don't fit are left out. */
export function loadGrads(parameters: readonly Parameter[], saved: unknown): void {
  if (typeof saved !== 'object' || saved === null) return;
  const byName = new Map(Object.entries(saved));
  for (const parameter of parameters) {
    const value: unknown = byName.get(parameter.name);
    if (!(value instanceof TorchTensor) || value.shape.join() !== parameter.shape.join()) continue;
    const data = torchToGpu(
      Float32Array.from(value.data as ArrayLike<number>),
      parameter.shape,
      parameter.layout,
    );
    parameter.grad?.dispose();
    parameter.grad = tensor(data, [...gpuShape(parameter.shape, parameter.layout)], 'float32');
  }
}
