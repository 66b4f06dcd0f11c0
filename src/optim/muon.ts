import { mul, runElementwise, tidy, type Tensor } from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue, checkAllNonNegative } from './checks.ts';
import { option, type CommonArgs } from './decayedGrad.ts';
import { newtonSchulz } from './newtonSchulz.ts';
import { Optimizer } from './optimizer.ts';
import type { GroupInput, ParamGroup } from './paramGroup.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';
import { at } from '../util/at.ts';

export interface MuonArgs extends Pick<CommonArgs, 'params'> {
  /** Default 1e-3. */
  lr?: number;
  /** p *= 1 - lr weight_decay. Default 0.1. */
  weightDecay?: number;
  /** Default 0.95. */
  momentum?: number;
  /** Default true. */
  nesterov?: boolean;
  /** a, b, c of x -> a x + b x^3 + c x^5, applied to the singular values. Default (3.4445, -4.775, 2.0315). */
  nsCoefficients?: readonly number[];
  /** Smallest norm by which an update is divided. Default 1e-7. */
  eps?: number;
  /** How often that is applied, below 100. Default 5. */
  nsSteps?: number;
  /**
   * How lr depends on the weight's [A, B]: `original` (None): sqrt(max(1, A / B)); `match_rms_adamw`:
   * 0.2 sqrt(max(A, B)).
   */
  adjustLrFn?: string | null;
}

/**
 * Momentum whose updates are made orthogonal, for weights with two axes only, as in PyTorch.
 * b += (1 - momentum) (g - b); u = b, with nesterov (1 - momentum) g + momentum b; X = u / max(|u|, eps), then ns_steps
 * times X = a X + (b A + c A A) X with A = X X^T; p = (1 - lr weight_decay) p - lr adjust X.
 * Source: torch 2.9 `optim/_muon.py`; Jordan, "Muon", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
 * Differs: X is float32, PyTorch's is bfloat16.
 */
export class Muon extends Optimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: [
      'lr',
      'weight_decay',
      'momentum',
      'nesterov',
      'ns_coefficients',
      'eps',
      'ns_steps',
      'adjust_lr_fn',
    ],
    kinds: OPTIMIZER_KINDS,
  };
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, also for a parameter without two axes; and those of {@link Optimizer} */
  constructor(args: MuonArgs) {
    const { params, lr = 1e-3, weightDecay = 0.1, momentum = 0.95, eps = 1e-7, nsSteps = 5 } = args;
    const { nsCoefficients = [3.4445, -4.775, 2.0315], adjustLrFn = null } = args;
    checkAllNonNegative({ lr, momentum, weight_decay: weightDecay });
    if (!Array.isArray(nsCoefficients) || nsCoefficients.length !== 3)
      throw badValue('ns_coefficients', 'must be three numbers', nsCoefficients);
    if (!(nsSteps < 100)) throw badValue('ns_steps', 'must be a number below 100', nsSteps);
    if (adjustLrFn !== null && !(adjustLrFn in ADJUSTMENTS))
      throw badValue('adjust_lr_fn', "must be None, 'original' or 'match_rms_adamw'", adjustLrFn);
    super(params, {
      lr,
      weight_decay: weightDecay,
      momentum,
      nesterov: args.nesterov ?? true,
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
          step: lr * adjust(at(param.shape, 0), param.shape[1]),
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
