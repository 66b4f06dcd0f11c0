import { atLeast, checkedArgs, declareArgs, number, optional, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import {
  betas,
  decoupledWeightDecay,
  eps,
  foreach,
  lr,
  maybeCapturable,
  maybeDifferentiable,
  maybeMaximize,
  params,
  weightDecay,
} from './commonArgs.ts';
import { take } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(2e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  momentum_decay: optional(atLeast(number, 0), 4e-3, 'How fast the momentum rises to the first of betas.'),
  decoupled_weight_decay: decoupledWeightDecay,
  foreach,
  maximize: maybeMaximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type NadamArgs = ArgsOf<typeof ARGS>;

/**
 * Adam with Nesterov's momentum.
 * mu_t = b1 (1 - 0.96^(t momentum_decay) / 2); d = g + weight_decay p; m = b1 m + (1 - b1) d; v = b2 v + (1 - b2) d^2;
 * P = prod_1..t mu; p -= lr ((1 - mu_t) / (1 - P) d + mu_(t+1) / (1 - P mu_t mu_(t+1)) m) / (sqrt(v / (1 - b2^t)) + eps).
 * Source: torch 1.13 `optim/nadam.py`; Dozat, "Incorporating Nesterov momentum into Adam", 2016.
 */
export class NAdam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = ['step', 'mu_product'];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: NadamArgs) {
    const { params, lr, betas, eps, weightDecay, momentumDecay, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      betas: [...betas],
      eps,
      weight_decay: weightDecay,
      momentum_decay: momentumDecay,
      // Only where it is used: torch 1.13's groups don't have it.
      ...(rest.decoupledWeightDecay ? { decoupled_weight_decay: true } : {}),
      foreach: rest.foreach,
      ...given(args, ['maximize', 'capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

function muAt(group: ParamGroup, step: number): number {
  const [beta1] = take(group.betas ?? [], 1);
  return beta1 * (1 - 0.5 * 0.96 ** (step * option(group, 'momentum_decay')));
}

/** PyTorch keeps the product as a float32 tensor. */
function muProduct(group: ParamGroup, step: number, before: number): number {
  return timesFloat32(before, muAt(group, step));
}

function timesFloat32(a: number, b: number): number {
  return Math.fround(a * Math.fround(b));
}

const RULE = elementwiseRule({
  name: 'nadam',
  stateNames: ['exp_avg', 'exp_avg_sq'],
  countsSteps: true,
  scalars: {
    initial: () => ({ mu_product: 1 }),
    next: (group, step, before) => ({ mu_product: muProduct(group, step, before.mu_product) }),
  },
  hyper(group, step, before) {
    const [beta1, beta2] = take(group.betas ?? [], 2);
    const { lr } = group;
    const isDecoupled = Boolean(group.decoupled_weight_decay);
    const product = muProduct(group, step, before.mu_product);
    const [mu, nextMu] = [muAt(group, step), muAt(group, step + 1)];
    // torch 1.13 counts mu_t twice here (in float32); torch 2, which brought decoupled decay, doesn't.
    const nextProduct = isDecoupled ? product * nextMu : timesFloat32(timesFloat32(product, mu), nextMu);
    const { sign, weightDecay } = decayHyper(group);
    return {
      sign,
      weightDecay: isDecoupled ? 0 : weightDecay,
      shrink: isDecoupled ? 1 - lr * weightDecay : 1,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      correction: 1 - beta2 ** step,
      eps: option(group, 'eps'),
      gradStep: (lr * (1 - mu)) / (1 - product),
      averageStep: (lr * nextMu) / (1 - nextProduct),
    };
  },
  wgsl: `p = p * u.shrink;
  let d = u.sign * g + u.weightDecay * p;
  exp_avg = u.beta1 * exp_avg + u.oneMinusBeta1 * d;
  exp_avg_sq = u.beta2 * exp_avg_sq + u.oneMinusBeta2 * d * d;
  let scale = sqrt(exp_avg_sq / u.correction) + u.eps;
  p = p - u.gradStep * d / scale - u.averageStep * exp_avg / scale;`,
  reference(x, u) {
    x.p *= u.shrink;
    const d = u.sign * x.g + u.weightDecay * x.p;
    x.exp_avg = u.beta1 * x.exp_avg + u.oneMinusBeta1 * d;
    x.exp_avg_sq = u.beta2 * x.exp_avg_sq + u.oneMinusBeta2 * d * d;
    const scale = Math.sqrt(x.exp_avg_sq / u.correction) + u.eps;
    x.p -= (u.gradStep * d + u.averageStep * x.exp_avg) / scale;
  },
});

OPTIMIZERS.registerModule()(NAdam);
