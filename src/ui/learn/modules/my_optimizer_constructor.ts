// Decides which parameter trains with what: batch norm without weight decay, the head twice as fast.

import {
  buildFromCfg,
  OPTIMIZER_BUILDERS,
  OPTIMIZERS,
  type Module,
  type Optimizer,
  type OptimizerConstructor,
  type OptimizerConstructorArgs,
} from 'tabtrain';

@OPTIMIZER_BUILDERS.registerModule()
export class MyOptimizerConstructor implements OptimizerConstructor {
  /** The config's `optimizer`, without `constructor` and `paramwise_cfg`. */
  readonly optimizerCfg: Readonly<Record<string, unknown>>;

  constructor({ optimizerCfg }: OptimizerConstructorArgs) {
    this.optimizerCfg = optimizerCfg;
  }

  call(model: Module): Optimizer {
    const params = model.parameters().map((parameter) => ({
      params: [parameter],
      ...(/\.bn\d|\.downsample\.1\./.test(`.${parameter.name}`) ? { weight_decay: 0 } : {}),
    }));
    const optimizer = buildFromCfg<Optimizer>(this.optimizerCfg, OPTIMIZERS, { params });
    // By now each group has an lr: the config's, or the optimizer's own.
    for (const group of optimizer.paramGroups)
      if (group.params[0]?.name.startsWith('bbox_head.')) group.lr *= 2;
    return optimizer;
  }
}
