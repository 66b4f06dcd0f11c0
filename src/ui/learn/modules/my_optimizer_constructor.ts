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
    const lr = Number(this.optimizerCfg['lr']);
    const params = model.parameters().map((parameter) => ({
      params: [parameter],
      lr: parameter.name.startsWith('bbox_head.') ? 2 * lr : lr,
      ...(/\.bn\d|\.downsample\.1\./.test(`.${parameter.name}`) ? { weight_decay: 0 } : {}),
    }));
    return buildFromCfg<Optimizer>(this.optimizerCfg, OPTIMIZERS, { params });
  }
}
