import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { adamDefaults, adamRule, type AdamArgs } from './adamRule.ts';
import { given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

/**
 * Adam with decoupled weight decay (default 0.01): p *= 1 - lr weight_decay before the update of {@link adamRule}.
 * Source: torch 1.13 `optim/adamw.py`.
 */
export class AdamW extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: [
      'lr',
      'betas',
      'eps',
      'weight_decay',
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
  constructor(args: AdamArgs) {
    super(args.params, {
      ...adamDefaults(args, 0.01),
      foreach: args.foreach ?? null,
      maximize: args.maximize ?? false,
      capturable: args.capturable ?? false,
      ...given(args, ['differentiable', 'fused']),
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    return adamRule('decoupled', Boolean(group.amsgrad));
  }
}

OPTIMIZERS.registerModule()(AdamW);
