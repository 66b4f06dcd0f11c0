import { ConfigError } from '../../errors/trainerError.ts';
import { Module, type Parameter } from '../../nn/index.ts';
import {
  atLeast,
  checkedArgs,
  declareArgs,
  int,
  listOf,
  required,
  str,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { nearest } from '../../util/nearest.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  modules: required(listOf(str), "Full names of what doesn't train at first, such as ['backbone', 'neck']."),
  epochs: required(atLeast(int, 0), 'For how many epochs.', 'epochs'),
});

/**
 * Parts of the model that keep their weights for the first epochs, so that what is new learns before it is let at what is
 * known; frozen parts at the input cost no backward pass. Their norms run in evaluation mode. Ours: MMDetection freezes with
 * `frozen_stages`, for a whole run.
 */
export class FreezeHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly #names: readonly string[];
  readonly #epochs: number;
  /** What it froze itself: what was frozen before stays so. */
  readonly #frozen = new Set<Parameter>();

  constructor(args: ArgsOf<typeof ARGS>) {
    super();
    const { modules, epochs } = checkedArgs(ARGS, args);
    this.#names = modules;
    this.#epochs = epochs;
  }

  override beforeRun(runner: BaseRunner): void {
    this.#modulesOf(runner);
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    this.#apply(runner);
  }

  /** An IterBasedRunner sets the training mode anew at each iteration. */
  override beforeTrainIter(runner: BaseRunner): void {
    this.#apply(runner);
  }

  #apply(runner: BaseRunner): void {
    if (runner.epoch >= this.#epochs) {
      if (this.#frozen.size === 0) return;
      for (const parameter of this.#frozen) parameter.requiresGrad = true;
      this.#frozen.clear();
      runner.logger.info(`FreezeHook: ${this.#names.join(', ')} train from now on`);
      return;
    }
    for (const module of this.#modulesOf(runner)) {
      module.eval();
      for (const parameter of module.parameters()) {
        if (!parameter.requiresGrad) continue;
        parameter.requiresGrad = false;
        this.#frozen.add(parameter);
      }
    }
  }

  /** @throws ConfigError `unknown-module` with the nearest name */
  #modulesOf({ model }: BaseRunner): Module[] {
    if (!(model instanceof Module)) return [];
    const all = new Map(model.namedModules());
    return this.#names.map((name) => {
      const module = all.get(name);
      if (module) return module;
      const near = nearest(name, [...all.keys()]);
      throw new ConfigError(`FreezeHook's modules must be parts of the model, but it has no '${name}'`, {
        code: 'unknown-module',
        path: 'custom_hooks',
        hint:
          near === undefined
            ? `it has ${[...model.children().keys()].join(', ')}`
            : `did you mean '${near}'?`,
      });
    });
  }
}

HOOKS.registerModule()(FreezeHook);
