import { checkedArgs, declareArgs, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { adamOptions, adamRule, amsgrad } from './adamRule.ts';
import { given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import {
  betas,
  capturable,
  eps,
  foreach,
  lr,
  maximize,
  maybeDifferentiable,
  maybeFused,
  params,
  shrinkingDecay,
} from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: shrinkingDecay(0.01),
  amsgrad,
  maximize,
  foreach,
  capturable,
  differentiable: maybeDifferentiable,
  fused: maybeFused,
});

export type AdamwArgs = ArgsOf<typeof ARGS>;

/**
 * Adam with decoupled weight decay (default 0.01): p *= 1 - lr weight_decay before the update of {@link adamRule}.
 * Source: torch 1.13 `optim/adamw.py`.
 */
export class AdamW extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdamwArgs) {
    const all = checkedArgs(ARGS, args);
    super(all.params, {
      ...adamOptions(all),
      foreach: all.foreach,
      maximize: all.maximize,
      capturable: all.capturable,
      ...given(args, ['differentiable', 'fused']),
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    return adamRule('decoupled', Boolean(group.amsgrad));
  }
}

OPTIMIZERS.registerModule()(AdamW);
