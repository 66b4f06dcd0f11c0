// Base of every optimizer: parameter groups, state per parameter, and both in PyTorch's state-dict layout.

import { ConfigError } from '../errors/trainerError.ts';
import {
  allocating,
  dispose,
  read,
  runElementwise,
  tensor,
  variable,
  type MemoryNeed,
  type Tensor,
} from '../gpu/index.ts';
import { gpuShape, gpuToTorch, torchToGpu, type Parameter, type StateTensor } from '../nn/index.ts';
import {
  checkStateNames,
  cloneOptions,
  isStateTensor,
  matchGroups,
  missingOptions,
  stateMismatch,
  type OptimizerStateDict,
  type StateValue,
} from './optimizerState.ts';
import { checkRates } from './checks.ts';
import { parameterIndices, type GroupInput, type ParamGroup, type ParamState } from './paramGroup.ts';
import { dropGrad, ParameterPool } from './parameterPool.ts';
import { at } from '../util/at.ts';

/** What the state's memory is for. */
export const STATE_NEED: MemoryNeed = {
  what: "the optimizer's states",
  path: 'optimizer',
  hint: 'SGD without momentum has none, with momentum half of what Adam has; frozen parameters have none either',
};

/** The arguments that PyTorch's optimizers gained, and what they do without them. */
export const LATER_OPTIONS: Readonly<Record<string, unknown>> = {
  nesterov: false,
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  differentiable: false,
  fused: false,
  decoupled_weight_decay: false,
};

/**
 * Base class of optimizers. A user's own one extends it and overrides `step`:
 *
 * @example
 * class MyOptimizer extends Optimizer {
 *   constructor({ params, lr }: { params: Parameter[]; lr: number }) {
 *     super(params, { lr });
 *   }
 *   override step(): void {
 *     for (const { params, lr } of this.paramGroups)
 *       for (const { variable: p, grad: g } of params)
 *         if (g) runElementwise({ name: 'mine', body: 'p = p - u.lr * g;', reads: { g }, writes: { p }, uniforms: { lr } });
 *   }
 * }
 *
 * Source: torch 1.13 `optim/optimizer.py`.
 */
export abstract class Optimizer {
  readonly paramGroups: ParamGroup[] = [];
  /** Options of a group that doesn't set them; undefined marks a required one. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly state = new Map<Parameter, ParamState>();
  /** Numbers of the state that PyTorch keeps as float32 tensors without axes; its others are plain numbers. */
  readonly scalarTensors: readonly string[] = ['step'];
  /**
   * Options that groups in older checkpoints don't have, and what they had meant by it: PyTorch's `__setstate__`. Override it
   * when your own optimizer gains an option.
   */
  readonly laterOptions: Readonly<Record<string, unknown>> = LATER_OPTIONS;
  #pool: ParameterPool | null = null;
  #isPrepared = false;

  /**
   * @param params parameters, or groups of them with options of their own (snake_case)
   * @throws ConfigError `no-parameters`, `duplicate-parameter`, `missing-argument`
   */
  constructor(
    params: readonly Parameter[] | readonly GroupInput[],
    defaults: Readonly<Record<string, unknown>>,
  ) {
    this.defaults = defaults;
    // A class without a constructor of its own hands everything over as it came.
    if (!Array.isArray(params)) {
      throw new ConfigError('the optimizer must be given a list of parameters, but got something else', {
        code: 'no-parameters',
        hint: 'write constructor({ params, lr }) { super(params, { lr }); }',
      });
    }
    if (params.length === 0) {
      throw new ConfigError('the optimizer must have parameters, but its list is empty', {
        code: 'no-parameters',
      });
    }
    for (const group of asGroups(params)) this.addParamGroup(group);
  }

  /**
   * Update every parameter that has a gradient, in place. Gradients are borrowed.
   * @returns nothing, or a promise: it is waited for
   */
  abstract step(): unknown;

  /**
   * Pack the parameters into one buffer and give each its `gradSlot`. Done at the first step at the latest; needs the GPU.
   * Calling again changes nothing.
   */
  prepare(): void {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    this.#pool = ParameterPool.pack(this.paramGroups.flatMap(({ params }) => params));
  }

  protected get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** The packed parameters; null before {@link prepare}, and where there are none. */
  get pool(): ParameterPool | null {
    return this.#pool;
  }

  /**
   * Add parameters with options of their own; the rest comes from the defaults.
   * @throws ConfigError as the constructor
   */
  addParamGroup(group: GroupInput): void {
    const { params, ...options } = group;
    const complete: Record<string, unknown> = { ...options };
    for (const [key, value] of Object.entries(this.defaults)) {
      if (complete[key] !== undefined) continue;
      if (value === undefined) {
        throw new ConfigError(
          `a parameter group must have ${key}, but neither it nor the optimizer sets it`,
          {
            code: 'missing-argument',
            hint: `write ${key}=… inside optimizer`,
          },
        );
      }
      complete[key] = value;
    }
    checkRates(complete);
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    const double = params.find((param) => taken.has(param));
    if (double) {
      throw new ConfigError(`each parameter must be in one group only, but '${double.name}' is in several`, {
        code: 'duplicate-parameter',
        hint: 'set paramwise_cfg=dict(bypass_duplicate=True)',
      });
    }
    // Every optimizer has an lr: either a default or checked above.
    this.paramGroups.push({ ...complete, params: [...params] } as unknown as ParamGroup);
  }

  /**
   * Refuse options that otherwise only a step would find fault with. Called when a config's optimizer was built.
   * @throws ConfigError
   */
  checkOptions(): void {
    // Most are checked by the constructor.
  }

  /** Free all gradients, and sums of gradients. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const param of params) dropGrad(param);
    this.#pool?.dropSums();
  }

  /** Multiply every gradient by a number, in place: one dispatch for those of packed parameters. */
  scaleGrads(factor: number): void {
    const having = this.paramGroups.flatMap(({ params }) => params.filter(({ grad }) => grad));
    if (having.some((param) => this.#pool?.indexOf(param) !== undefined)) this.#pool?.scaleGrads(factor);
    for (const param of having) {
      if (!param.grad || this.#pool?.indexOf(param) !== undefined) continue;
      runElementwise({
        name: 'scaleGrad',
        body: 'g = g * u.factor;',
        writes: { g: param.grad },
        uniforms: { factor },
      });
    }
  }

  /** The parameter's state, empty at first. */
  stateOf(param: Parameter): ParamState {
    let state = this.state.get(param);
    if (!state) this.state.set(param, (state = new Map()));
    return state;
  }

  /** A state tensor of the parameter's size, all `fill` at first; the optimizer owns it. */
  stateTensor(param: Parameter, key: string, fill = 0): Tensor {
    const state = this.stateOf(param);
    const existing = state.get(key);
    if (existing && typeof existing !== 'number') return existing;
    const shape = this.stateShape(param, key);
    const size = shape.reduce((a, b) => a * b, 1);
    const created = this.makeState(param, key, new Float32Array(size).fill(fill), shape);
    state.set(key, created);
    return created;
  }

  /**
   * Bytes of the GPU that the state takes once every trainable parameter has been updated.
   * @returns null where that isn't known: a class of one's own that doesn't say its {@link stateKeys}, before its first step
   */
  stateBytes(): number | null {
    let bytes = 0;
    for (const group of this.paramGroups)
      for (const param of group.params) {
        if (!param.requiresGrad) continue;
        const keys = this.stateKeys(param, group);
        if (keys === null) return this.#heldBytes();
        for (const key of keys) bytes += 4 * this.stateShape(param, key).reduce((a, b) => a * b, 1);
      }
    return bytes;
  }

  #heldBytes(): number | null {
    let bytes = 0;
    for (const state of this.state.values())
      for (const value of state.values()) if (value && typeof value !== 'number') bytes += 4 * value.size;
    return this.state.size > 0 ? bytes : null;
  }

  /** Keys of the tensors that a parameter's state will have; null: unknown. */
  protected stateKeys(_param: Parameter, _group: ParamGroup): readonly string[] | null {
    return null;
  }

  /** Names in the state of a parameter of this group that was stepped at least once; empty where they depend on more. */
  protected stateNamesOf(_group: ParamGroup): readonly string[] {
    return [];
  }

  /** PyTorch's shape of a state tensor; its layout is the parameter's. */
  protected stateShape(param: Parameter, _key: string): readonly number[] {
    return param.shape;
  }

  /** Make a tensor of the state. @param data in the GPU's layout @param shape PyTorch's */
  protected makeState(param: Parameter, _key: string, data: Float32Array, shape: readonly number[]): Tensor {
    const initial = tensor(data, [...gpuShape(shape, param.layout)], 'float32');
    const result = allocating(STATE_NEED, () => variable(initial, false));
    dispose(initial);
    return result;
  }

  /** Copy the whole state out; all readbacks are queued before it first waits, so it is of one moment. */
  async stateDict(): Promise<OptimizerStateDict> {
    const indices = parameterIndices(this.paramGroups);
    const pending: {
      entries: Map<string, StateValue>;
      key: string;
      param: Parameter;
      data: ReturnType<typeof read>;
    }[] = [];
    const state: OptimizerStateDict['state'] = new Map();
    for (const [param, index] of indices) {
      const values = this.state.get(param);
      if (!values) continue;
      const entries = new Map<string, StateValue>();
      for (const [key, value] of values) {
        if (value === null) entries.set(key, null);
        else if (typeof value === 'number') entries.set(key, this.#scalarState(key, value));
        else {
          // Reserves the key's place in PyTorch's order.
          entries.set(key, null);
          pending.push({ entries, key, param, data: read(value) });
        }
      }
      state.set(index, entries);
    }
    const groups = this.paramGroups.map(({ params, ...options }) => ({
      ...cloneOptions(options),
      params: params.map((param) => indices.get(param)),
    }));
    for (const { entries, key, param, data } of pending) {
      const shape = this.stateShape(param, key);
      const values = gpuToTorch(Float32Array.from(await data), shape, param.layout);
      entries.set(key, { shape: [...shape], dtype: 'float32', data: values });
    }
    return { state, param_groups: groups };
  }

  /**
   * Restore what {@link stateDict} gave; options come from the file, the parameters stay.
   * @param dict borrowed
   * @throws CheckpointError `optimizer-mismatch` when groups, their options or shapes don't fit; nothing is changed then
   */
  loadStateDict(dict: OptimizerStateDict): void {
    const indices = parameterIndices(this.paramGroups);
    const ofSaved = matchGroups(this.paramGroups, dict, indices);
    const groups = dict.param_groups.map((group) => this.#completeOptions(group));
    for (const [index, entries] of dict.state) this.#checkShapes(ofSaved.get(index), index, entries);
    this.paramGroups.forEach(({ params }, i) => {
      const expected = this.stateNamesOf({ ...groups[i], params } as unknown as ParamGroup);
      for (const index of at(dict.param_groups, i).params as readonly number[])
        checkStateNames(this.constructor.name, expected, dict.state.get(index));
    });
    this.disposeState();
    for (const [index, entries] of dict.state) {
      const param = ofSaved.get(index);
      if (!param) continue;
      const state = this.stateOf(param);
      for (const [key, value] of entries) {
        state.set(key, this.#restoreValue(key, value, param));
      }
    }
    this.paramGroups.forEach((group, i) => {
      for (const key of Object.keys(group)) if (key !== 'params') delete group[key];
      Object.assign(group, groups[i]);
    });
  }

  /** Free the state's GPU memory; parameters and gradients aren't the optimizer's. */
  dispose(): void {
    this.disposeState();
    this.#pool?.dispose();
    this.#pool = null;
    this.#isPrepared = false;
  }

  /** A saved group's options, with those that it is too old for. */
  #completeOptions({ params: _, ...saved }: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const options = cloneOptions(saved);
    const wanted = Object.keys(this.defaults).filter((key) => options[key] === undefined);
    const missing = wanted.filter((key) => !Object.hasOwn(this.laterOptions, key));
    if (missing.length > 0) throw missingOptions(this.constructor.name, missing, Object.keys(saved));
    for (const key of wanted) options[key] = this.laterOptions[key];
    return options;
  }

  #scalarState(key: string, value: number): StateTensor | number {
    if (!this.scalarTensors.includes(key)) return value;
    return { shape: [], dtype: 'float32', data: Float32Array.of(value) };
  }

  #checkShapes(param: Parameter | undefined, index: number, entries: ReadonlyMap<string, StateValue>): void {
    if (!param) throw stateMismatch(`no parameter ${index}, but the checkpoint has state for it`);
    for (const [key, value] of entries) {
      if (!isStateTensor(value) || value.shape.length === 0) continue;
      const shape = this.stateShape(param, key);
      if (value.shape.join() === shape.join()) continue;
      throw stateMismatch(
        `${key} of '${param.name}' in shape [${shape.join(', ')}], but the checkpoint has [${value.shape.join(', ')}]`,
      );
    }
  }

  #restoreValue(key: string, value: StateValue, param: Parameter): Tensor | number | null {
    if (!isStateTensor(value)) return typeof value === 'number' ? value : null;
    const data = Float32Array.from(value.data as ArrayLike<number | bigint>, Number);
    // A tensor without axes is a number, except where the parameter itself has none.
    const isScalar = this.scalarTensors.includes(key) || param.shape.length > 0;
    if (value.shape.length === 0 && isScalar) return at(data, 0);
    const shape = this.stateShape(param, key);
    return this.makeState(param, key, torchToGpu(data, shape, param.layout), shape);
  }

  /** Free the state's tensors. */
  protected disposeState(): void {
    for (const state of this.state.values()) {
      for (const value of state.values()) if (value && typeof value !== 'number') dispose(value);
    }
    this.state.clear();
  }
}

function asGroups(params: readonly Parameter[] | readonly GroupInput[]): readonly GroupInput[] {
  const isGroup = (item: Parameter | GroupInput): item is GroupInput => 'params' in item;
  const groups = [...params].filter(isGroup);
  if (groups.length === params.length) return groups;
  return [{ params: [...params].filter((item): item is Parameter => !isGroup(item)) }];
}
