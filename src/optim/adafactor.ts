import {
  div,
  dispose,
  globalNorm,
  maximum,
  mean,
  mul,
  runElementwise,
  sqrt,
  square,
  tidy,
  type Tensor,
} from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import {
  atLeast,
  atMost,
  checkedArgs,
  declareArgs,
  kindOf,
  number,
  optional,
  orNone,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { option } from './decayedGrad.ts';
import { Optimizer } from './optimizer.ts';
import type { ParamGroup } from './paramGroup.ts';
import { foreach, maximize, params, shrinkingDecay } from './commonArgs.ts';
import { at } from '../util/at.ts';

const EPS = kindOf<readonly [number | null, number]>(
  '(float ≥ 0 | None, float ≥ 0)',
  'a list or tuple of two numbers of at least 0, the first of them or None',
  (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    orNone(atLeast(number, 0)).fault(value[0]) === null &&
    atLeast(number, 0).fault(value[1]) === null,
);

const FLOAT32_EPSILON = 2 ** -23;

const ARGS = declareArgs({
  params,
  lr: optional(atLeast(number, 0), 1e-2, 'Largest relative step size, and the factor of weight decay.'),
  beta2_decay: optional(atMost(number, 0), -0.8, 'The running averages decay by 1 - step^beta2_decay.'),
  eps: optional(
    EPS,
    [null, 1e-3],
    "Smallest root of a variance (None: float32's machine epsilon) and smallest root mean square of a parameter.",
  ),
  d: optional(atLeast(number, 1), 1, 'Largest root mean square of an update before it is scaled.'),
  weight_decay: shrinkingDecay(0),
  foreach,
  maximize,
});

export type AdafactorArgs = ArgsOf<typeof ARGS>;

/**
 * Adaptive rates of little memory: of a matrix only the row and column means of the squared gradient are kept.
 * b = 1 - t^beta2_decay; a = max(eps2, RMS(p)) min(lr, 1 / sqrt(t)); p *= 1 - lr weight_decay;
 * matrices (the last two axes): R = b R + (1 - b) mean_columns(g^2), C = b C + (1 - b) mean_rows(g^2),
 * V = R C / max(mean_rows(R), eps1); vectors: V = b V + (1 - b) g^2;
 * u = g / sqrt(max(V, eps1^2)); p -= a u / max(1, RMS(u) / d).
 * Source: torch 2.9 `optim/_adafactor.py`; Shazeer & Stern, "Adafactor", 2018.
 */
export class Adafactor extends Optimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdafactorArgs) {
    const { params, lr, beta2Decay, eps, d, weightDecay, foreach, maximize } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      beta2_decay: beta2Decay,
      eps: [...eps],
      d,
      weight_decay: weightDecay,
      foreach,
      maximize,
    });
  }

  override step(): void {
    this.prepare();
    for (const group of this.paramGroups)
      for (const param of group.params) if (param.grad) this.#update(param, param.grad, group);
  }

  protected override stateKeys({ shape }: Parameter): readonly string[] {
    return shape.length < 2 ? ['variance'] : ['row_var', 'col_var'];
  }

  protected override stateShape({ shape }: Parameter, key: string): readonly number[] {
    if (key === 'row_var') return [...shape.slice(0, -1), 1];
    return key === 'col_var' ? [...shape.slice(0, -2), 1, at(shape, shape.length - 1)] : shape;
  }

  #update(param: Parameter, grad: Tensor, group: ParamGroup): void {
    const state = this.stateOf(param);
    const step = Number(state.get('step') ?? 0) + 1;
    state.set('step', step);
    const [eps1, eps2] = group.eps as readonly (number | null)[];
    const smallest = eps1 ?? FLOAT32_EPSILON;
    const weight = step ** option(group, 'beta2_decay');
    tidy(() => {
      const variance = this.#variance(param, grad, weight, smallest);
      const update = div(grad, sqrt(maximum(variance, smallest ** 2)));
      runElementwise({
        name: 'adafactor',
        body: `let relative = max(u.smallest, pNorm * u.perRoot) * u.rho;
p = p * u.shrink - u.sign * relative / max(1.0, updateNorm * u.perRoot / u.d) * g;`,
        reads: { g: update },
        scalars: { pNorm: globalNorm([param.variable], 2), updateNorm: globalNorm([update], 2) },
        writes: { p: param.variable },
        uniforms: {
          smallest: eps2 ?? 0,
          perRoot: 1 / Math.sqrt(param.size),
          rho: Math.min(group.lr, 1 / Math.sqrt(step)),
          shrink: 1 - group.lr * (group.weight_decay ?? 0),
          sign: group.maximize ? -1 : 1,
          d: option(group, 'd'),
        },
      });
    });
  }

  /** The estimate of g^2's running average, in the gradient's shape or one that broadcasts to it. */
  #variance(param: Parameter, grad: Tensor, weight: number, smallest: number): Tensor {
    const squared = square(grad);
    if (param.shape.length < 2) {
      const variance = this.stateTensor(param, 'variance');
      approach(variance, squared, weight);
      return variance;
    }
    const { row, column } = lastAxes(param, grad.rank);
    const rows = this.stateTensor(param, 'row_var');
    const columns = this.stateTensor(param, 'col_var');
    approach(rows, mean(squared, [column], true), weight);
    approach(columns, mean(squared, [row], true), weight);
    return div(mul(rows, columns), maximum(mean(rows, [row], true), smallest));
  }
}

/** PyTorch's last two axes, as the GPU's layout has them. */
function lastAxes({ layout }: Parameter, rank: number): { row: number; column: number } {
  if (layout === 'conv') return { row: 0, column: 1 };
  return layout === 'linear' ? { row: 1, column: 0 } : { row: rank - 2, column: rank - 1 };
}

/** Move by a share of the way, in place: torch's lerp. */
function approach(average: Tensor, value: Tensor, weight: number): void {
  runElementwise({
    name: 'approach',
    body: 'a = select(a + u.weight * (b - a), b - (b - a) * (1.0 - u.weight), u.weight >= 0.5);',
    reads: { b: value },
    writes: { a: average },
    uniforms: { weight },
  });
  dispose(value);
}

OPTIMIZERS.registerModule()(Adafactor);
