// The tree of layers: explicit registration, PyTorch's names and order.

import { invariant } from '../errors/index.ts';
import type { Rng } from '../util/prng.ts';
import { initialize, isPretrained, type InitOptions } from './init/initialize.ts';
import type { Buffer, Parameter, StateTensor } from './parameter.ts';
import type { TorchTensor } from '../serialization/pth/values.ts';
import { loadStateDict, saveStateDict, type LoadOptions, type LoadReport } from './stateDict.ts';

/**
 * Base of every layer and model. A subclass registers its children, parameters and buffers in its constructor in
 * PyTorch's order (the state dict's order follows it) and keeps the typed references that `add…` hands back.
 *
 * @example
 * class Block extends Module {
 *   readonly conv1 = this.addModule('conv1', new Conv2d({ inChannels: 8, outChannels: 8, kernelSize: 3 }));
 * }
 */
export abstract class Module {
  /** PyTorch's class name, by which initialisers and optimizer constructors choose (minifiers rename classes, not this). */
  readonly className: string = this.constructor.name;
  /** Names of PyTorch's direct base classes, such as `_BatchNorm`. */
  readonly baseNames: readonly string[] = ['Module'];
  /** How `initWeights` starts this module's values: MMCV's `init_cfg`, a dict or a list of them. */
  initCfg: unknown = null;

  #training = true;
  #parent: { module: Module; key: string } | null = null;
  readonly #children = new Map<string, Module>();
  readonly #parameters = new Map<string, Parameter>();
  readonly #buffers = new Map<string, Buffer>();

  /** True between `train()` and `eval()`. Norm layers use the batch's statistics only then. */
  get training(): boolean {
    return this.#training;
  }

  /** Dotted name from the root, such as `backbone.layer1.0`; empty for the root itself. */
  get fullName(): string {
    const parent = this.#parent;
    if (!parent) return '';
    const prefix = parent.module.fullName;
    return prefix === '' ? parent.key : `${prefix}.${parent.key}`;
  }

  /** Register a child under a name; a child with several parents is named by the first. @returns the child */
  addModule<M extends Module>(key: string, child: M): M {
    this.#assertFree(key);
    this.#children.set(key, child);
    const attached: Module = child;
    attached.#parent ??= { module: this, key };
    return child;
  }

  /** Register a parameter. @returns the parameter */
  addParameter(key: string, parameter: Parameter): Parameter {
    this.#assertFree(key);
    this.#parameters.set(key, parameter);
    parameter.setOwner(this, key);
    return parameter;
  }

  /** Register a buffer. @returns the buffer */
  addBuffer<B extends Buffer>(key: string, buffer: B): B {
    this.#assertFree(key);
    this.#buffers.set(key, buffer);
    buffer.setOwner(this, key);
    return buffer;
  }

  /** Direct children by name, in order of registration. */
  children(): ReadonlyMap<string, Module> {
    return this.#children;
  }

  /** Parameters of this module alone, by name. */
  ownParameters(): ReadonlyMap<string, Parameter> {
    return this.#parameters;
  }

  /** Buffers of this module alone, by name. */
  ownBuffers(): ReadonlyMap<string, Buffer> {
    return this.#buffers;
  }

  /** This module and all below it with dotted names, parents first; a shared module appears once. */
  namedModules(prefix = ''): [string, Module][] {
    const seen = new Set<Module>();
    const found: [string, Module][] = [];
    const visit = (module: Module, name: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.push([name, module]);
      for (const [key, child] of module.#children) visit(child, joinName(name, key));
    };
    visit(this, prefix);
    return found;
  }

  /** Direct children with their names; a child that is there twice appears once. */
  namedChildren(): [string, Module][] {
    const seen = new Set<Module>();
    return [...this.#children].filter(([, child]) => !seen.has(child) && seen.add(child));
  }

  /**
   * All parameters with dotted names in PyTorch's order; a shared parameter appears once.
   * @param recurse false: those of this module alone
   */
  namedParameters(prefix = '', recurse = true): [string, Parameter][] {
    const seen = new Set<Parameter>();
    const found: [string, Parameter][] = [];
    const modules: [string, Module][] = recurse ? this.namedModules(prefix) : [[prefix, this]];
    for (const [name, module] of modules) {
      for (const [key, parameter] of module.#parameters) {
        if (seen.has(parameter)) continue;
        seen.add(parameter);
        found.push([joinName(name, key), parameter]);
      }
    }
    return found;
  }

  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** All buffers with dotted names in PyTorch's order. */
  namedBuffers(prefix = ''): [string, Buffer][] {
    return this.namedModules(prefix).flatMap(([name, module]) =>
      [...module.#buffers].map(([key, buffer]): [string, Buffer] => [joinName(name, key), buffer]),
    );
  }

  /**
   * Switch this module and all below it between training and evaluation.
   * A class that freezes parts of itself overrides this and calls `super.train(mode)` first.
   */
  train(mode = true): this {
    this.#training = mode;
    for (const child of this.#children.values()) child.train(mode);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Freeze or unfreeze every parameter of this module and below. */
  requiresGrad(value: boolean): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = value;
    return this;
  }

  /** All parameters and buffers by name in PyTorch's order and layout, copied out with one batch of readbacks. */
  async stateDict(): Promise<Map<string, StateTensor>> {
    return saveStateDict(this);
  }

  /**
   * Replace, in weights that are about to be loaded into the whole model, what would be of another shape but can be used in part.
   * @param _state by full names @returns what is to be told of it
   */
  async fitState(_state: Map<string, TorchTensor>): Promise<readonly string[]> {
    return [];
  }

  /** Set parameters and buffers by name. See {@link loadStateDict}. */
  loadStateDict(state: ReadonlyMap<string, StateTensor>, options: LoadOptions = {}): LoadReport {
    return loadStateDict(this, state, options);
  }

  /**
   * Give every parameter its starting value: first PyTorch's default of each layer, then `init_cfg` from the root
   * down, as MMCV's `BaseModule.init_weights`.
   * @param rng the same generator state gives the same weights
   */
  async initWeights(rng: Rng, options: InitOptions = {}): Promise<void> {
    // Children first, so that a ConvModule overrules its convolution's default.
    for (const [, module] of this.namedModules().reverse()) module.resetParameters(rng);
    await this.applyInitCfg(rng, options);
  }

  /** Draw PyTorch's default starting values of this module's own parameters. */
  resetParameters(_rng: Rng): void {
    // A module without parameters of its own has nothing to draw.
  }

  /** Apply `init_cfg` here, then in the children. Source: mmcv 1.7.2 `runner/base_module.py`. */
  async applyInitCfg(rng: Rng, options: InitOptions): Promise<void> {
    if (this.initCfg !== null && this.initCfg !== undefined) {
      await initialize(this, this.initCfg, rng, options);
      // A pretrained module must not be overwritten by its children's own initialisers.
      if (isPretrained(this.initCfg)) return;
    }
    for (const child of this.#children.values()) await child.applyInitCfg(rng, options);
  }

  /** The module that `override=dict(name=…)` of an `init_cfg` means; ResNet blocks also answer to `norm2`. */
  attribute(name: string): Module | undefined {
    return this.#children.get(name);
  }

  /** Free the GPU memory of every parameter and buffer at and below this module. */
  dispose(): void {
    for (const [, module] of this.namedModules()) module.disposeOwn();
  }

  /** Free what this module alone holds on the GPU. A class with tensors besides its parameters overrides this. */
  disposeOwn(): void {
    for (const parameter of this.#parameters.values()) parameter.dispose();
    for (const buffer of this.#buffers.values()) buffer.dispose();
  }

  #assertFree(key: string): void {
    const taken = this.#children.has(key) || this.#parameters.has(key) || this.#buffers.has(key);
    invariant(!taken, `${this.className} already has a member '${key}'`);
  }
}

/**
 * A plain list of modules named 0, 1, 2… As PyTorch's (not MMCV's) `ModuleList`, it has no `init_weights`, so the
 * `init_cfg`s below it are not looked at.
 */
export class ModuleList<M extends Module> extends Module {
  override readonly className = 'ModuleList';
  readonly items: readonly M[];

  constructor(items: readonly M[]) {
    super();
    this.items = [...items];
    this.items.forEach((item, i) => this.addModule(String(i), item));
  }

  override async applyInitCfg(): Promise<void> {
    // See the class comment.
  }
}

/** Join a prefix and a key with a dot; an empty prefix adds none. */
export function joinName(prefix: string, key: string): string {
  return prefix === '' ? key : `${prefix}.${key}`;
}
