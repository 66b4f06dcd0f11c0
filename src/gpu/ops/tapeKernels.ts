// The one tfjs kernel that its tape runs by itself: it adds the gradients of branches.
import { mapInto } from '../kernels/map/op.ts';
import { tf, type TensorInfo, type WebGPUBackend } from '../device/tfjs.ts';
import { take } from '../../util/at.ts';

const NAME = 'Add';

/** Put our addition in the place of tfjs's, so that every dispatch of a backward pass is our own. */
export function registerTapeKernels(): void {
  if (tf.getKernel(NAME, 'webgpu')) tf.unregisterKernel(NAME, 'webgpu');
  tf.registerKernel({
    kernelName: NAME,
    backendName: 'webgpu',
    kernelFunc: ({ inputs, backend }) => {
      const [a, b] = take([inputs.a, inputs.b] as TensorInfo[], 2);
      const sum = (backend as WebGPUBackend).makeTensorInfo(a.shape, 'float32');
      mapInto({ name: 'add', expression: 'a + b' }, [a, b], sum);
      return sum;
    },
  });
}
