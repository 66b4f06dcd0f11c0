// An optimizer with three arguments of its own. It is SGD with momentum under other names, so that its numbers can be checked.

import { add, assign, mul, Optimizer, OPTIMIZERS, sub, type GroupInput, type Parameter } from 'tabtrain';

interface MyOptimizerArgs {
  /** The model's parameters, or groups of them: from the optimizer's constructor, not from the config. */
  params: readonly Parameter[] | readonly GroupInput[];
  /** Step size. */
  a: number;
  /** Share of the last step that is kept, [0, 1). */
  b: number;
  /** How strongly weights are drawn to 0. */
  c: number;
}

@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  constructor({ params, a, b, c }: MyOptimizerArgs) {
    // Schedules change `lr` and `momentum` of each group, so the arguments go by these names from here on.
    super(params, { lr: a, momentum: b, weight_decay: c });
  }

  override step(): void {
    for (const { params, lr, momentum = 0, weight_decay: decay = 0 } of this.paramGroups) {
      for (const param of params) {
        if (!param.grad) continue;
        const velocity = this.stateTensor(param, 'velocity');
        const gradient = add(param.grad, mul(param.variable, decay));
        assign(velocity, add(mul(velocity, momentum), gradient));
        assign(param.variable, sub(param.variable, mul(velocity, lr)));
      }
    }
  }
}
