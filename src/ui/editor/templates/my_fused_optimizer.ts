// An optimizer of your own whose update is one formula for each element: the engine runs it over all parameters at once, as
// fast as the built-in ones. A config uses it so:
//
//   custom_imports = dict(imports=['mmdet.core.optimizer.my_fused_optimizer'], allow_failed_imports=False)
//   optimizer = dict(_delete_=True, type='MyFusedOptimizer', lr=0.0003, betas=(0.9, 0.99))

import {
  ElementwiseOptimizer,
  elementwiseRule,
  OPTIMIZERS,
  type ElementwiseRule,
  type GroupInput,
  type Parameter,
  type ParamGroup,
} from 'tabtrain';

interface MyFusedOptimizerArgs {
  params: readonly Parameter[] | readonly GroupInput[];
  lr: number;
  betas?: readonly number[];
  weightDecay?: number;
}

/** Lion (Chen et al., 2023): steps along the sign of the momentum. */
@OPTIMIZERS.registerModule()
export class MyFusedOptimizer extends ElementwiseOptimizer {
  constructor({ params, lr, betas = [0.9, 0.99], weightDecay = 0 }: MyFusedOptimizerArgs) {
    super(params, { lr, betas, weight_decay: weightDecay });
  }

  override ruleFor(_group: ParamGroup): ElementwiseRule {
    return RULE;
  }
}

const RULE = elementwiseRule({
  name: 'myFusedOptimizer',
  // A tensor for each parameter, saved in checkpoints under this name.
  stateNames: ['exp_avg'],
  countsSteps: false,
  // The numbers of this step; the formula reads them as u.lr, u.beta1 …
  hyper: ({ lr, betas: [beta1 = 0.9, beta2 = 0.99] = [], weight_decay: weightDecay = 0 }) => ({
    lr,
    beta1,
    beta2,
    weightDecay,
  }),
  // WGSL: p is the parameter's element, g its gradient, and each state goes by its name.
  wgsl: `
    let direction = sign(u.beta1 * exp_avg + (1.0 - u.beta1) * g);
    p = p - u.lr * (direction + u.weightDecay * p);
    exp_avg = u.beta2 * exp_avg + (1.0 - u.beta2) * g;`,
  // The same in TypeScript: the specification that tests compare with.
  reference(x, u) {
    const direction = Math.sign(u.beta1 * x.exp_avg + (1 - u.beta1) * x.g);
    x.p -= u.lr * (direction + u.weightDecay * x.p);
    x.exp_avg = u.beta2 * x.exp_avg + (1 - u.beta2) * x.g;
  },
});
