import { checkedArgs, declareArgs, flag, optional, orNone, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { adamOptions, adamRule, amsgrad } from './adamRule.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import {
  betas,
  capturable,
  decoupledWeightDecay,
  differentiable,
  eps,
  foreach,
  lr,
  maximize,
  params,
  weightDecay,
} from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  decoupled_weight_decay: decoupledWeightDecay,
  amsgrad,
  maximize,
  foreach,
  capturable,
  differentiable,
  fused: optional(
    orNone(flag),
    false,
    'How PyTorch computes, not what: kept in the groups, without effect here.',
  ),
});

export type AdamArgs = ArgsOf<typeof ARGS>;

/**
 * Adam; weight decay (default 0) is added to the gradient, or with `decoupled_weight_decay` (from torch 2.6) shrinks the
 * parameter as AdamW's does. See {@link adamRule} for the update.
 * Source: torch 1.13 `optim/adam.py`.
 */
export class Adam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdamArgs) {
    const all = checkedArgs(ARGS, args);
    super(all.params, {
      ...adamOptions(all),
      // Only where it is used: torch 1.13's groups don't have it.
      ...(all.decoupledWeightDecay ? { decoupled_weight_decay: true } : {}),
      maximize: all.maximize,
      foreach: all.foreach,
      capturable: all.capturable,
      differentiable: all.differentiable,
      fused: all.fused ?? false,
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    return adamRule(group.decoupled_weight_decay ? 'decoupled' : 'coupled', Boolean(group.amsgrad));
  }
}

OPTIMIZERS.registerModule()(Adam);
