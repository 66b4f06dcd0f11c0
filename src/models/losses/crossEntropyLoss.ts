// Cross entropy, by softmax or by one sigmoid per class. Source: mmdet 2.28.2 `models/losses/cross_entropy_loss.py`.

import {
  bceWithLogitsLoss,
  equal,
  greaterEqual,
  mul,
  oneHot,
  softmaxCrossEntropyLoss,
  sub,
  sum,
  tensor,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  absent,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  number,
  optional,
  orNone,
  unsupported,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { LOSS_ARGS, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

/** torch's default of `ignore_index`. */
const IGNORE_INDEX = -100;

const CROSS_ENTROPY_ARGS = declareArgs({
  ...LOSS_ARGS.table,
  use_sigmoid: optional(flag, false, 'One sigmoid per class instead of a softmax.'),
  use_mask: absent(unsupported(false), 'The loss of mask heads.'),
  class_weight: optional(
    orNone(listOf(number)),
    null,
    "One factor per class: of the class's rows, with sigmoid of its positive part.",
  ),
  ignore_index: optional(orNone(int), null, "Rows of this label count 0; None: torch's -100."),
  avg_non_ignore: optional(flag, false, "Take the mean over what isn't ignored."),
});

/** -log(softmax(logits)[label]), or with `use_sigmoid` the binary cross entropy of each class. */
export class CrossEntropyLoss implements Loss {
  static readonly args = CROSS_ENTROPY_ARGS;
  static readonly part = 'loss';
  readonly #useSigmoid: boolean;
  readonly #reduction: Reduction;
  readonly #classWeight: readonly number[] | null;
  readonly #ignoreIndex: number;
  readonly #lossWeight: number;
  readonly #avgNonIgnore: boolean;

  constructor(args: ArgsOf<typeof CROSS_ENTROPY_ARGS> = {}) {
    const complete = withDefaults(CROSS_ENTROPY_ARGS, args);
    this.#useSigmoid = complete.useSigmoid;
    this.#reduction = complete.reduction;
    this.#classWeight = complete.classWeight;
    this.#ignoreIndex = complete.ignoreIndex ?? IGNORE_INDEX;
    this.#lossWeight = complete.lossWeight;
    this.#avgNonIgnore = complete.avgNonIgnore;
  }

  /**
   * @param pred logits, float32 [N, K]
   * @param target int32 [N]: 0 to K - 1, or `ignore_index`; with `use_sigmoid` also K, which is no class at all, or
   *   float32 [N, K] in [0, 1]
   * @param options weight per row [N], with `use_sigmoid` and a target [N, K] also per element
   */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const classes = pred.shape[pred.rank - 1] ?? 0;
    if (this.#classWeight && this.#classWeight.length !== classes)
      throw new ConfigError(
        `class_weight must have one number per class, ${classes}, but has ${this.#classWeight.length}`,
        { code: 'bad-value' },
      );
    const classWeight = this.#classWeight && tensor(this.#classWeight, [classes]);
    return this.#useSigmoid
      ? this.#binary(pred, target, classWeight, options)
      : this.#softmax(pred, target, classWeight, options);
  }

  #softmax(pred: Tensor, labels: Tensor, classWeight: Tensor | null, options: LossOptions): Tensor {
    const { weight = null, avgFactor = null } = options;
    const reduction = options.reductionOverride ?? this.#reduction;
    // MMDetection counts only the index itself here, not all negative labels.
    const counted = (): Tensor => sub(labels.size, sum(equal(labels, this.#ignoreIndex)));
    const reduced = this.#reduced(reduction, avgFactor, labels.size, counted);
    const rules = { classWeight, ignoreIndex: this.#ignoreIndex };
    return softmaxCrossEntropyLoss(pred, labels, weight, rules, reduced);
  }

  #binary(pred: Tensor, target: Tensor, classWeight: Tensor | null, options: LossOptions): Tensor {
    const { weight = null, avgFactor = null } = options;
    const reduction = options.reductionOverride ?? this.#reduction;
    const isLabels = target.rank < pred.rank;
    const valid = mul(greaterEqual(target, 0), sub(1, equal(target, this.#ignoreIndex)));
    const weights = weight ? mul(weight, valid) : valid;
    const classes = pred.shape[pred.rank - 1] ?? 0;
    const counted = (): Tensor => mul(sum(valid), isLabels ? classes : 1);
    const reduced = this.#reduced(reduction, avgFactor, pred.size, counted);
    const goal = isLabels ? oneHot(target, classes) : target;
    return bceWithLogitsLoss(pred, goal, weights, classWeight, reduced);
  }

  #reduced(
    reduction: Reduction,
    avgFactor: number | Tensor | null,
    count: number,
    counted: () => Tensor,
  ): ReturnType<typeof lossReduction> {
    const isCounted = avgFactor === null && this.#avgNonIgnore && reduction === 'mean';
    return lossReduction(reduction, this.#lossWeight, isCounted ? counted() : avgFactor, count);
  }
}

MODELS.registerModule()(CrossEntropyLoss);
