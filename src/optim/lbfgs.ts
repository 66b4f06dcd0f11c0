import { ConfigError } from '../errors/trainerError.ts';
import { read } from '../gpu/index.ts';
import { gpuToTorch, readFloats, type StateTensor } from '../nn/index.ts';
import {
  checkedArgs,
  declareArgs,
  number,
  optional,
  orNone,
  str,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue } from './checks.ts';
import { ClosureOptimizer, type LossClosure } from './closureOptimizer.ts';
import { option } from './decayedGrad.ts';
import { lbfgsStep, type LbfgsOptions, type LbfgsState } from './lbfgsStep.ts';
import { isStateTensor, stateMismatch, type OptimizerStateDict, type StateValue } from './optimizerState.ts';
import type { Evaluation, Vector } from './strongWolfe.ts';
import { params } from './commonArgs.ts';
import { at } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: optional(number, 1, 'Learning rate.'),
  max_iter: optional(number, 20, 'Iterations per step.', 'iterations'),
  max_eval: optional(
    orNone(number),
    null,
    'Evaluations of the loss per step; None: max_iter * 5 / 4, rounded down.',
    'evaluations',
  ),
  tolerance_grad: optional(number, 1e-7, 'A step ends when no gradient is larger.'),
  tolerance_change: optional(number, 1e-9, 'A step ends when neither the loss nor a parameter changes more.'),
  history_size: optional(number, 100, 'Updates that are remembered.', 'updates'),
  line_search_fn: optional(
    orNone(str),
    null,
    // Checked where the step reads it, as groups may hold another.
    "'strong_wolfe' or None: no line search.",
  ),
});

export type LbfgsArgs = ArgsOf<typeof ARGS>;

/**
 * Limited-memory BFGS. It needs the loss again and again, so `step` takes a closure; one parameter group only.
 * The vectors are on the CPU: between two evaluations parameters and gradients cross over once.
 * Source: torch 1.13 `optim/lbfgs.py`; {@link lbfgsStep} has the arithmetic.
 */
export class LBFGS extends ClosureOptimizer {
  static readonly args: ArgSpec = ARGS;
  #memory: LbfgsState | null = null;

  /** @throws ConfigError `bad-value` for several groups, and those of {@link Optimizer} */
  constructor(args: LbfgsArgs) {
    const { params, lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } =
      checkedArgs(ARGS, args);
    super(params, {
      lr,
      max_iter: maxIter,
      max_eval: maxEval ?? Math.floor((maxIter * 5) / 4),
      tolerance_grad: toleranceGrad,
      tolerance_change: toleranceChange,
      history_size: historySize,
      line_search_fn: lineSearchFn,
    });
    if (this.paramGroups.length !== 1) {
      throw new ConfigError(
        `LBFGS takes one parameter group, without options per parameter, but got ${this.paramGroups.length} groups`,
        { code: 'bad-value', hint: 'leave paramwise_cfg out' },
      );
    }
  }

  /** PyTorch only finds an unknown line search in the first step. */
  override checkOptions(): void {
    this.options();
  }

  /**
   * Minimise as far as `max_iter` and `max_eval` go.
   * @returns the loss at the start
   * @throws ConfigError `missing-closure`; `bad-value` for an unknown line_search_fn
   */
  override step(closure?: LossClosure): Promise<number> {
    if (closure) return this.#minimise(closure);
    throw new ConfigError('LBFGS.step must be given a closure that computes the loss, but got nothing', {
      code: 'missing-closure',
      hint: 'take OptimizerHook without gradient accumulation and loss scaling, or another optimizer',
    });
  }

  /** Its vectors are the host's. */
  protected override stateKeys(): readonly string[] {
    return [];
  }

  /** The group's options as {@link lbfgsStep} takes them. @throws ConfigError `bad-value` for an unknown line_search_fn */
  options(): LbfgsOptions {
    const group = at(this.paramGroups, 0);
    const search = group.line_search_fn;
    if (search !== null && search !== 'strong_wolfe') {
      throw badValue('line_search_fn', "must be 'strong_wolfe' or None", search, 'optimizer.line_search_fn');
    }
    return {
      lr: group.lr,
      maxIter: option(group, 'max_iter'),
      maxEval: option(group, 'max_eval'),
      toleranceGrad: option(group, 'tolerance_grad'),
      toleranceChange: option(group, 'tolerance_change'),
      historySize: option(group, 'history_size'),
      useStrongWolfe: search !== null,
    };
  }

  async #minimise(closure: LossClosure): Promise<number> {
    const options = this.options();
    this.#memory ??= { func_evals: 0, n_iter: 0 };
    const start = join(await readFloats(at(this.paramGroups, 0).params));
    const evaluate = async (x: Vector): Promise<Evaluation> => {
      this.#write(x);
      const loss = await closure();
      return { loss, grad: await this.#readGrads() };
    };
    const { x, loss } = await lbfgsStep(start, evaluate, options, this.#memory);
    this.#write(x);
    return loss;
  }

  #write(x: Vector): void {
    let offset = 0;
    for (const param of at(this.paramGroups, 0).params) {
      param.fromTorch(Float32Array.from(x.subarray(offset, offset + param.size)));
      offset += param.size;
    }
  }

  /** In PyTorch's order; zeros where there is no gradient. */
  async #readGrads(): Promise<Float32Array> {
    const parts = at(this.paramGroups, 0).params.map(async ({ grad, size, shape, layout }) => {
      if (!grad) return new Float32Array(size);
      return gpuToTorch(Float32Array.from(await read(grad)), shape, layout);
    });
    return join(await Promise.all(parts));
  }

  /** The whole memory is the state of the first parameter, as with PyTorch. */
  override async stateDict(): Promise<OptimizerStateDict> {
    const { param_groups } = await super.stateDict();
    const state: OptimizerStateDict['state'] = new Map();
    if (this.#memory) state.set(0, saveMemory(this.#memory));
    return { state, param_groups };
  }

  override loadStateDict(dict: OptimizerStateDict): void {
    const saved = dict.state.get(0);
    const memory = saved ? loadMemory(saved) : null;
    const size = at(this.paramGroups, 0).params.reduce((sum, param) => sum + param.size, 0);
    const found = memory?.d?.length ?? size;
    if (found !== size) throw stateMismatch(`d with ${size} values, but the checkpoint has ${found}`);
    super.loadStateDict({ state: new Map(), param_groups: dict.param_groups });
    this.#memory = memory;
  }
}

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** PyTorch's kinds: counts, t and prev_loss are numbers, all else float32 tensors. */
function saveMemory(memory: LbfgsState): Map<string, StateValue> {
  const scalar = (value: number): StateTensor => ({
    shape: [],
    dtype: 'float32',
    data: Float32Array.of(value),
  });
  const vector = (data: Vector): StateTensor => ({
    shape: [data.length],
    dtype: 'float32',
    data: Float32Array.from(data),
  });
  const { al, d, old_dirs, old_stps, ro, H_diag, prev_flat_grad } = memory;
  const saved: Partial<Record<keyof LbfgsState, StateValue>> = {
    al: al?.map((value) => (value === null ? null : scalar(value))),
    d: d && vector(d),
    old_dirs: old_dirs?.map(vector),
    old_stps: old_stps?.map(vector),
    ro: ro?.map(scalar),
    // PyTorch begins with the number 1.
    H_diag: H_diag !== undefined && ro?.length ? scalar(H_diag) : H_diag,
    prev_flat_grad: prev_flat_grad && vector(prev_flat_grad),
  };
  const keys = Object.keys(memory) as (keyof LbfgsState)[];
  return new Map(
    keys.map((key): [string, StateValue] => {
      const value = memory[key];
      return [key, saved[key] ?? (typeof value === 'number' ? value : null)];
    }),
  );
}

function loadMemory(saved: ReadonlyMap<string, StateValue>): LbfgsState {
  const number = (value: StateValue | undefined): number => Number(vector(value)[0] ?? 0);
  const vector = (value: StateValue | undefined): Float32Array => {
    if (typeof value === 'number') return Float32Array.of(value);
    if (isStateTensor(value)) return Float32Array.from(value.data as ArrayLike<number>);
    return new Float32Array();
  };
  const list = (key: string): readonly StateValue[] => {
    const value = saved.get(key);
    return Array.isArray(value) ? (value as readonly StateValue[]) : [];
  };
  const readers: { [K in keyof LbfgsState]-?: () => LbfgsState[K] } = {
    func_evals: () => number(saved.get('func_evals')),
    n_iter: () => number(saved.get('n_iter')),
    al: () => list('al').map((value) => (value === null ? null : number(value))),
    d: () => vector(saved.get('d')),
    t: () => number(saved.get('t')),
    old_dirs: () => list('old_dirs').map(vector),
    old_stps: () => list('old_stps').map(vector),
    ro: () => list('ro').map(number),
    H_diag: () => number(saved.get('H_diag')),
    prev_flat_grad: () => vector(saved.get('prev_flat_grad')),
    prev_loss: () => number(saved.get('prev_loss')),
  };
  const memory: LbfgsState = { func_evals: 0, n_iter: 0 };
  for (const key of saved.keys()) {
    if (key in readers) Object.assign(memory, { [key]: readers[key as keyof LbfgsState]() });
  }
  return memory;
}

OPTIMIZERS.registerModule()(LBFGS);
