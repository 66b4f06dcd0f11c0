// PyTorch's axes at the door, the GPU's behind it.

/** `conv`: OIHW <-> HWIO; `linear`: [out, in] <-> [in, out]; `plain`: unchanged. */
export type Layout = 'plain' | 'conv' | 'linear';

/** The shape on the GPU of a tensor with PyTorch's shape. */
export function gpuShape(shape: readonly number[], layout: Layout): readonly number[] {
  if (layout === 'plain') return shape;
  const [o = 1, i = 1, ...kernel] = shape;
  return [...kernel, i, o];
}

/** Reorder values from PyTorch's axes to the GPU's. @returns a new array, or `data` itself when nothing moves */
export function torchToGpu(data: Float32Array, shape: readonly number[], layout: Layout): Float32Array {
  if (layout === 'plain') return data;
  const { o, i, area } = axes(shape);
  const out = new Float32Array(data.length);
  for (let k = 0; k < o; k++)
    for (let c = 0; c < i; c++)
      for (let p = 0; p < area; p++) out[(p * i + c) * o + k] = data[(k * i + c) * area + p] ?? 0;
  return out;
}

/** Reorder values from the GPU's axes to PyTorch's. @returns a new array, or `data` itself when nothing moves */
export function gpuToTorch(data: Float32Array, shape: readonly number[], layout: Layout): Float32Array {
  if (layout === 'plain') return data;
  const { o, i, area } = axes(shape);
  const out = new Float32Array(data.length);
  for (let p = 0; p < area; p++)
    for (let c = 0; c < i; c++)
      for (let k = 0; k < o; k++) out[(k * i + c) * area + p] = data[(p * i + c) * o + k] ?? 0;
  return out;
}

/** A linear weight is a convolution weight with a 1x1 kernel. */
function axes(shape: readonly number[]): { o: number; i: number; area: number } {
  const [o = 1, i = 1, ...kernel] = shape;
  return { o, i, area: kernel.reduce((a, b) => a * b, 1) };
}
