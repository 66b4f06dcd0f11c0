import { invariant } from '../errors/invariant.ts';
import { mul, runElementwise, tidy, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { ConfigError } from '../errors/trainerError.ts';
import {
  atLeast,
  lessThan,
  checkedArgs,
  declareArgs,
  flag,
  listOf,
  number,
  oneOf,
  optional,
  orNone,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { option } from './decayedGrad.ts';
import { newtonSchulz } from './newtonSchulz.ts';
import { Optimizer } from './optimizer.ts';
import type { GroupInput, ParamGroup } from './paramGroup.ts';
import { lr, params, shrinkingDecay } from './commonArgs.ts';
import { at } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-3),
  weight_decay: shrinkingDecay(0.1),
  momentum: optional(atLeast(number, 0), 0.95, 'Decay rate of the running average of the gradient.'),
  nesterov: optional(flag, true, "Nesterov's momentum."),
  ns_coefficients: optional(
    listOf(number, 3),
    [3.4445, -4.775, 2.0315],
    'a, b, c of x -> a x + b x³ + c x⁵, applied to the singular values.',
  ),
  eps: optional(number, 1e-7, 'Smallest norm by which an update is divided.'),
  ns_steps: optional(lessThan(number, 100), 5, 'How often that is applied.'),
  adjust_lr_fn: optional(
    orNone(oneOf('original', 'match_rms_adamw')),
    null,
    "How lr depends on a weight's rows A and columns B: sqrt(max(1, A / B)) (original, None) or 0.2 sqrt(max(A, B)).",
  ),
});

export type MuonArgs = ArgsOf<typeof ARGS>;

/**
 * Momentum whose updates are made orthogonal, for weights with two axes only, as in PyTorch.
 * b += (1 - momentum) (g - b); u = b, with nesterov (1 - momentum) g + momentum b; X = u / max(|u|, eps), then ns_steps
 * times X = a X + (b A + c A A) X with A = X X^T; p = (1 - lr weight_decay) p - lr adjust X.
 * Source: torch 2.9 `optim/_muon.py`; Jordan, "Muon", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
 * Differs: X is float32, PyTorch's is bfloat16.
 */
export class Muon extends Optimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, also for a parameter without two axes; and those of {@link Optimizer} */
  constructor(args: MuonArgs) {
    const { params, lr, weightDecay, momentum, nesterov, nsCoefficients, eps, nsSteps, adjustLrFn } =
      checkedArgs(ARGS, args);
    super(params, {
      lr,
      weight_decay: weightDecay,
      momentum,
      nesterov,
      ns_coefficients: [...nsCoefficients],
      eps,
      ns_steps: nsSteps,
      adjust_lr_fn: adjustLrFn,
    });
  }

  override addParamGroup(group: GroupInput): void {
    const other = group.params.find(({ shape }) => shape.length !== 2);
    if (!other) {
      super.addParamGroup(group);
      return;
    }
    throw new ConfigError(
      `Muon takes weights with two axes, but '${other.name}' has shape [${other.shape.join(', ')}]`,
      {
        code: 'bad-value',
        hint: 'a convolutional detector trains with AdamW or SGD, or with an optimizer of your own: newtonSchulz() does what Muon does to a matrix, and convolutions are matrices when they are reshaped',
      },
    );
  }

  override step(): void {
    this.prepare();
    for (const group of this.paramGroups)
      for (const param of group.params) if (param.grad) this.#update(param, param.grad, group);
  }

  protected override stateKeys(): readonly string[] {
    return ['momentum_buffer'];
  }

  #update(param: Parameter, grad: Tensor, group: ParamGroup): void {
    const { lr, momentum = 0 } = group;
    const buffer = this.stateTensor(param, 'momentum_buffer');
    const adjust = ADJUSTMENTS[String(group.adjust_lr_fn ?? 'original')];
    invariant(adjust !== undefined, 'adjust_lr_fn was checked with the arguments');
    tidy(() => {
      const update = mul(grad, 1);
      runElementwise({
        name: 'muonMomentum',
        body: `buffer = buffer + u.share * (g - buffer);
g = select(buffer, g + u.momentum * (buffer - g), u.nesterov == 1.0);`,
        writes: { buffer, g: update },
        uniforms: { share: 1 - momentum, momentum, nesterov: group.nesterov ? 1 : 0 },
      });
      runElementwise({
        name: 'muon',
        body: 'p = p * u.shrink - u.step * x;',
        reads: {
          x: newtonSchulz(update, {
            coefficients: group.ns_coefficients as readonly number[],
            steps: option(group, 'ns_steps'),
            eps: option(group, 'eps'),
          }),
        },
        writes: { p: param.variable },
        uniforms: {
          shrink: 1 - lr * (group.weight_decay ?? 0),
          step: lr * adjust(at(param.shape, 0), at(param.shape, 1)),
        },
      });
    });
  }
}

const ADJUSTMENTS: Readonly<Record<string, (rows: number, columns: number) => number>> = {
  original: (rows, columns) => Math.sqrt(Math.max(1, rows / columns)),
  match_rms_adamw: (rows, columns) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

OPTIMIZERS.registerModule()(Muon);
