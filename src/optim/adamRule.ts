// The update that Adam and AdamW share; they differ in how weight decay enters.

import { flag, optional } from '../registry/args/index.ts';
import { elementwiseRule, type ElementwiseRule, type Scalars } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import { at, take } from '../util/at.ts';

export const amsgrad = optional(flag, false, 'Divide by the largest second moment so far.');

/** The groups' options that Adam and AdamW share. */
export function adamOptions(args: AdamOptions): Record<string, unknown> {
  const { lr, betas, eps, weightDecay, amsgrad } = args;
  return { lr, betas: [...betas], eps, weight_decay: weightDecay, amsgrad };
}

export interface AdamOptions {
  readonly lr: number;
  readonly betas: readonly number[];
  readonly eps: number;
  readonly weightDecay: number;
  readonly amsgrad: boolean;
}

/** How weight decay enters: added to the gradient (Adam), or shrinking the parameter (AdamW). */
export type DecayKind = 'coupled' | 'decoupled';

/**
 * m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps).
 * Source: torch 1.13 `optim/adam.py` and `adamw.py`; Kingma & Ba, 2015; Loshchilov & Hutter, 2019; Reddi et al., 2018.
 */
export function adamRule(kind: DecayKind, amsgrad: boolean): AdamRule {
  return at(RULES[kind], amsgrad ? 1 : 0);
}

function makeRule(kind: DecayKind, amsgrad: boolean): AdamRule {
  const isCoupled = kind === 'coupled';
  return elementwiseRule({
    name: `${isCoupled ? 'adam' : 'adamw'}${amsgrad ? 'Amsgrad' : ''}`,
    stateNames: amsgrad ? ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] : ['exp_avg', 'exp_avg_sq'],
    countsSteps: true,
    hyper,
    wgsl: `
  ${isCoupled ? 'let d = u.sign * g + u.weightDecay * p;' : 'p = p * u.shrink; let d = u.sign * g;'}
  exp_avg = u.beta1 * exp_avg + u.oneMinusBeta1 * d;
  exp_avg_sq = u.beta2 * exp_avg_sq + u.oneMinusBeta2 * d * d;
  ${amsgrad ? 'max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq);' : ''}
  p = p - u.stepSize * exp_avg / (sqrt(${amsgrad ? 'max_exp_avg_sq' : 'exp_avg_sq'}) / u.correction + u.eps);`,
    reference(x, u) {
      let d = u.sign * x.g;
      if (isCoupled) d += u.weightDecay * x.p;
      else x.p *= u.shrink;
      x.exp_avg = u.beta1 * x.exp_avg + u.oneMinusBeta1 * d;
      x.exp_avg_sq = u.beta2 * x.exp_avg_sq + u.oneMinusBeta2 * d * d;
      if (amsgrad) x.max_exp_avg_sq = Math.max(x.max_exp_avg_sq, x.exp_avg_sq);
      const second = amsgrad ? x.max_exp_avg_sq : x.exp_avg_sq;
      x.p -= (u.stepSize * x.exp_avg) / (Math.sqrt(second) / u.correction + u.eps);
    },
  });
}

type AdamRule = ElementwiseRule<'exp_avg' | 'exp_avg_sq' | 'max_exp_avg_sq', Hyper, never>;

type Hyper =
  | 'sign'
  | 'weightDecay'
  | 'shrink'
  | 'beta1'
  | 'beta2'
  | 'oneMinusBeta1'
  | 'oneMinusBeta2'
  | 'stepSize'
  | 'correction'
  | 'eps';

function hyper(group: ParamGroup, step: number): Scalars<Hyper> {
  const { lr, betas = [0.9, 0.999], weight_decay: weightDecay = 0 } = group;
  const [beta1, beta2] = take(betas, 2);
  return {
    sign: group.maximize ? -1 : 1,
    weightDecay,
    shrink: 1 - lr * weightDecay,
    beta1,
    beta2,
    oneMinusBeta1: 1 - beta1,
    oneMinusBeta2: 1 - beta2,
    stepSize: lr / (1 - beta1 ** step),
    // The square root of the second moment's bias correction.
    correction: Math.sqrt(1 - beta2 ** step),
    eps: Number(group.eps ?? 1e-8),
  };
}

const RULES: Readonly<Record<DecayKind, readonly AdamRule[]>> = {
  coupled: [makeRule('coupled', false), makeRule('coupled', true)],
  decoupled: [makeRule('decoupled', false), makeRule('decoupled', true)],
};
