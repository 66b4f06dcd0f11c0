// Sums of several iterations' gradients. Those of packed parameters are kept apart by the pool, as the next iteration
// writes into the gradients' slots; the others' are the parameters' `grad`.

import { dispose, runElementwise, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * Add `factor` times an iteration's gradients to the optimizer's sums.
 * @param grads taken: freed, or kept as the first of a sum
 */
export function accumulateGrads(
  optimizer: Optimizer,
  grads: ReadonlyMap<Parameter, Tensor>,
  factor: number,
): void {
  optimizer.prepare();
  const { pool } = optimizer;
  for (const [param, grad] of grads) {
    if (pool?.indexOf(param) === undefined) addAlone(param, grad, factor);
    else param.grad = grad;
  }
  pool?.accumulateGrads(factor);
}

function addAlone(param: Parameter, grad: Tensor, factor: number): void {
  const sum = param.grad;
  if (!sum) {
    param.grad = grad;
    if (factor !== 1)
      runElementwise({
        name: 'scaleGrad',
        body: 'g = g * u.factor;',
        writes: { g: grad },
        uniforms: { factor },
      });
    return;
  }
  runElementwise({
    name: 'addGrad',
    body: 'sum = sum + u.factor * g;',
    reads: { g: grad },
    writes: { sum },
    uniforms: { factor },
  });
  dispose(grad);
}

/** The sums so far; the tensors stay where they are. */
export function gradSums(optimizer: Optimizer): (readonly [Parameter, Tensor])[] {
  const { pool } = optimizer;
  const alone = parametersOf(optimizer).flatMap((param) =>
    param.grad && pool?.indexOf(param) === undefined ? [[param, param.grad] as const] : [],
  );
  return [...(pool?.sums ?? []), ...alone];
}

/** Make the sums the parameters' gradients; the next ones begin anew. @returns the parameters that have one */
export function takeGradSums(optimizer: Optimizer): Parameter[] {
  optimizer.pool?.restoreSums();
  return parametersOf(optimizer).filter(({ grad }) => grad);
}

function parametersOf({ paramGroups }: Optimizer): Parameter[] {
  return paramGroups.flatMap(({ params }) => params);
}
