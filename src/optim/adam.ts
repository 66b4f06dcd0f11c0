import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { adamDefaults, adamRule, type AdamArgs } from './adamRule.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

/**
 * Adam; weight decay (default 0) is added to the gradient, or with `decoupled_weight_decay` (from torch 2.6) shrinks the
 * parameter as AdamW's does. See {@link adamRule} for the update.
 * Source: torch 1.13 `optim/adam.py`.
 */
export class Adam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: [
      'lr',
      'betas',
      'eps',
      'weight_decay',
      'decoupled_weight_decay',
      'amsgrad',
      'maximize',
      'foreach',
      'capturable',
      'differentiable',
      'fused',
    ],
    kinds: OPTIMIZER_KINDS,
  };

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdamArgs & { decoupledWeightDecay?: boolean }) {
    super(args.params, {
      ...adamDefaults(args, 0),
      // Only where it is used: torch 1.13's groups don't have it.
      ...(args.decoupledWeightDecay ? { decoupled_weight_decay: true } : {}),
      maximize: args.maximize ?? false,
      foreach: args.foreach ?? null,
      capturable: args.capturable ?? false,
      differentiable: args.differentiable ?? false,
      fused: args.fused ?? false,
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    return adamRule(group.decoupled_weight_decay ? 'decoupled' : 'coupled', Boolean(group.amsgrad));
  }
}

OPTIMIZERS.registerModule()(Adam);
