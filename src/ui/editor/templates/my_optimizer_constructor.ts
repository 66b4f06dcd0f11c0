// An optimizer constructor of your own: it decides which parameter gets which options. A config uses it so:
//
//   custom_imports = dict(imports=['mmdet.core.optimizer.my_optimizer_constructor'], allow_failed_imports=False)
//   optimizer = dict(constructor='MyOptimizerConstructor', paramwise_cfg=dict(head_lr_mult=10.0))
//
// To change only a little, extend DefaultOptimizerConstructor instead and override `addParams`.

import {
  buildFromCfg,
  OPTIMIZER_BUILDERS,
  OPTIMIZERS,
  type Module,
  type Optimizer,
  type OptimizerConstructor,
  type OptimizerConstructorArgs,
} from 'tabtrain';

/** Two groups: the head's parameters learn faster than the others. */
@OPTIMIZER_BUILDERS.registerModule()
export class MyOptimizerConstructor implements OptimizerConstructor {
  /** The config's `optimizer` without `constructor` and `paramwise_cfg`. */
  readonly optimizerCfg: Readonly<Record<string, unknown>>;
  readonly headLrMult: number;

  constructor({ optimizerCfg, paramwiseCfg }: OptimizerConstructorArgs) {
    this.optimizerCfg = optimizerCfg;
    const { head_lr_mult: headLrMult = 1 } = (paramwiseCfg ?? {}) as { head_lr_mult?: number };
    this.headLrMult = headLrMult;
  }

  call(model: Module): Optimizer {
    const parameters = model.parameters();
    const isHead = (name: string): boolean => name.startsWith('bbox_head.');
    const params = [
      { params: parameters.filter((p) => !isHead(p.name)) },
      { params: parameters.filter((p) => isHead(p.name)) },
    ];
    const optimizer = buildFromCfg<Optimizer>(this.optimizerCfg, OPTIMIZERS, { params });
    // By now each group has an lr: the config's, or the optimizer's own.
    const [, heads] = optimizer.paramGroups;
    if (heads) heads.lr *= this.headLrMult;
    return optimizer;
  }
}
