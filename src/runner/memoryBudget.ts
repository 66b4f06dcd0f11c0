// What a run needs of the GPU, known before its first step.

import type { PlanBytes } from '../gpu/index.ts';
import { FloatBuffer, Module } from '../nn/index.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { formatBytes } from '../util/formatBytes.ts';
import type { MemoryBudget } from '../contracts/runEvents.ts';
import type { Hook } from './hooks/hook.ts';

/** Whose memory is counted. */
export interface BudgetedRun {
  readonly model: object;
  readonly optimizer: Optimizer | null;
  readonly hooks: readonly Hook[];
}

/** Bytes by what they are for. @param plan what all steps planned so far hold */
export function memoryBudget(plan: PlanBytes, run: BudgetedRun): MemoryBudget {
  const { model, optimizer, hooks } = run;
  const budget = { parameters: 0, gradients: 0, buffers: 0 };
  for (const { size, requiresGrad } of parametersOf(run)) {
    budget.parameters += 4 * size;
    if (requiresGrad) budget.gradients += 4 * size;
  }
  if (model instanceof Module)
    for (const [, buffer] of model.namedBuffers())
      if (buffer instanceof FloatBuffer) budget.buffers += 4 * buffer.size;
  const optimizerState = optimizer ? optimizer.stateBytes() : 0;
  const kept = hooks.reduce((sum, hook) => sum + hook.gpuBytes({ optimizer }), 0);
  const activations = plan.slots + plan.constants;
  const { parameters, gradients, buffers } = budget;
  const total = parameters + gradients + buffers + (optimizerState ?? 0) + kept + activations + plan.inputs;
  return { ...budget, optimizerState, hooks: kept, activations, inputs: plan.inputs, total };
}

function parametersOf({ model, optimizer }: BudgetedRun): ReturnType<Module['parameters']> {
  if (model instanceof Module) return model.parameters();
  return (optimizer?.paramGroups ?? []).flatMap(({ params }) => params);
}

/** `GPU memory: parameters 3.2 MB, ...; 61 MB in all` */
export function describeBudget(budget: MemoryBudget): string {
  const parts = [
    ['parameters', budget.parameters],
    ['gradients', budget.gradients],
    ['optimizer state', budget.optimizerState],
    ['norm statistics and averages', budget.buffers],
    ['state of hooks', budget.hooks],
    ['activations', budget.activations],
    ['pictures and targets', budget.inputs],
  ] as const;
  const told = parts
    .filter(([, bytes]) => bytes !== 0)
    .map(([name, bytes]) => `${name} ${bytes === null ? 'not known yet' : formatBytes(bytes)}`);
  const total = `${formatBytes(budget.total)} in all`;
  return `GPU memory: ${told.join(', ')}; ${budget.optimizerState === null ? `at least ${total}` : total}`;
}
