// An optimizer of your own, in plain tensor operations. A config uses it so:
//
//   custom_imports = dict(imports=['mmdet.core.optimizer.my_optimizer'], allow_failed_imports=False)
//   optimizer = dict(_delete_=True, type='MyOptimizer', lr=0.001, momentum=0.9)
//
// Keys of the config's dict arrive in camelCase: weight_decay is weightDecay. Learning rate schedules change `lr` of each
// group, momentum schedules its `momentum`; what stateTensor keeps is saved in checkpoints.

import { add, assign, mul, Optimizer, OPTIMIZERS, sub, type GroupInput, type Parameter } from 'tabtrain';

interface MyOptimizerArgs {
  params: readonly Parameter[] | readonly GroupInput[];
  lr: number;
  momentum?: number;
  weightDecay?: number;
}

/** v = momentum v + g + weight_decay p; p = p - lr v */
@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  constructor({ params, lr, momentum = 0.9, weightDecay = 0 }: MyOptimizerArgs) {
    // Each parameter group gets these options, unless it has its own.
    super(params, { lr, momentum, weight_decay: weightDecay });
  }

  override step(): void {
    for (const { params, lr, momentum = 0, weight_decay: weightDecay = 0 } of this.paramGroups) {
      for (const param of params) {
        if (!param.grad) continue;
        const velocity = this.stateTensor(param, 'velocity');
        const decayed = add(param.grad, mul(param.variable, weightDecay));
        assign(velocity, add(mul(velocity, momentum), decayed));
        assign(param.variable, sub(param.variable, mul(velocity, lr)));
      }
    }
  }
}
