import { tensorOf } from '../device/backend.ts';
import { handleOrThrow } from '../device/handle.ts';
import type { DType, Tensor } from '../device/tfjs.ts';

/** Make an output tensor (its content is undefined until a program writes it), tracked by the enclosing tidy. */
export function emptyTensor(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const { backend } = handleOrThrow();
  const info = backend.makeTensorInfo([...shape], dtype);
  return tensorOf(info, backend);
}
