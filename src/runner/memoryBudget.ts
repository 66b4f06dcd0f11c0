// What a run needs of the GPU, known before its first step.

import type { PlanBytes } from '../gpu/index.ts';
import { ElementwiseOptimizer } from '../optim/elementwiseOptimizer.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { formatBytes } from '../util/formatBytes.ts';
import type { MemoryBudget } from '../util/runEvents.ts';

/** Bytes by what they are for. The state of an optimizer that isn't elementwise is unknown before its first step. */
export function memoryBudget(plan: PlanBytes, optimizer: Optimizer | null): MemoryBudget {
  const budget = { parameters: 0, gradients: 0, optimizerState: 0 };
  for (const group of optimizer?.paramGroups ?? []) {
    const states = optimizer instanceof ElementwiseOptimizer ? optimizer.ruleFor(group).stateNames.length : 0;
    for (const { size, requiresGrad } of group.params) {
      budget.parameters += 4 * size;
      if (!requiresGrad) continue;
      budget.gradients += 4 * size;
      budget.optimizerState += 4 * size * states;
    }
  }
  const activations = plan.slots + plan.constants;
  const total = budget.parameters + budget.gradients + budget.optimizerState + activations + plan.inputs;
  return { ...budget, activations, inputs: plan.inputs, total };
}

/** `GPU memory: parameters 3.21 MB, ..., 61 MB in all` */
export function describeBudget(budget: MemoryBudget): string {
  const parts = [
    ['parameters', budget.parameters],
    ['gradients', budget.gradients],
    ['optimizer state', budget.optimizerState],
    ['activations', budget.activations],
    ['pictures and targets', budget.inputs],
  ] as const;
  const told = parts.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ');
  return `GPU memory: ${told}; ${formatBytes(budget.total)} in all`;
}
