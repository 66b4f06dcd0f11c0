// dy through an activation that a forward program folded in.
import { eachElement, elementGrid, perThreadKey, perThreadOf } from '../../dispatch/eachElement.ts';
import { bindings } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { activationGradWgsl, activationKey, type Activation } from '../activation.ts';

/**
 * dy times the activation's slope.
 *
 * @param known the activation's input, or its output where that tells the slope.
 */
export function activationGrad(activation: Activation, dy: Tensor, known: Tensor): Tensor {
  const d = emptyTensor(dy.shape);
  const isVec = d.size % 4 === 0;
  const T = isVec ? 'vec4f' : 'f32';
  const size = isVec ? d.size / 4 : d.size;
  const perThread = perThreadOf(size);
  runProgram(
    {
      key: `activationGrad ${activationKey(activation)} ${T}${perThreadKey(perThread)}`,
      source: () => `${bindings({ dy: T, known: T }, { d: T }, 'size: u32')}
${activationGradWgsl(activation, T)}
${eachElement(
  `let slope = activationSlope(known[i]);
    // Not a product alone: 0 times an infinite dy would be NaN.
    d[i] = select(dy[i] * slope, ${T}(), slope == ${T}());`,
  perThread,
)}`,
    },
    {
      reads: [dy, known],
      writes: [d],
      uniforms: Uint32Array.of(size),
      areUniformsStatic: true,
      grid: elementGrid(size, perThread),
    },
  );
  return d;
}
