// Turns `optimizer = dict(type=…, paramwise_cfg=…)` and a model into an optimizer.

import { ConfigError, RegistryError, UserCodeError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { copySources, setSource, sourceOf } from '../lang/sourceMap.ts';
import type { Module, Parameter } from '../nn/index.ts';
import { absent, anything, declareArgs, dict, required, type ArgsOf } from '../registry/args/index.ts';
import {
  buildFromCfg,
  OPTIMIZER_BUILDERS,
  assertDict,
  type ArgSpec,
  type BuildContext,
} from '../registry/index.ts';
import { placeOfClass, type ClassWithArgs } from '../registry/constructorArgs.ts';
import { checkRates } from './checks.ts';
import { Optimizer } from './optimizer.ts';
import {
  checkParamwiseCfg,
  childrenOf,
  decideAll,
  decideOwn,
  isDcn,
  NO_RULE,
  unmatchedKeys,
  type GroupCfg,
  type ParamRules,
  type ParamwiseCfg,
} from './paramGroups.ts';
import { PARAMWISE_ARGS } from './paramwiseArgs.ts';
import type { ParamModule } from './paramModule.ts';

/** What a constructor registered in OPTIMIZER_BUILDERS does; made with {@link OptimizerConstructorArgs}. */
export interface OptimizerConstructor {
  /**
   * Build the optimizer: MMCV's `__call__`.
   * @param model borrowed; the optimizer holds its parameters
   */
  call(model: Module): Optimizer;
}

const ARGS = declareArgs({
  optimizer_cfg: required(dict, "The optimizer's config with type, without constructor and paramwise_cfg."),
  // What is wrong in it is told with its own path.
  paramwise_cfg: absent({ ...anything, label: 'dict | None', keys: PARAMWISE_ARGS }, 'Rates by parameter.'),
});

export type OptimizerConstructorArgs = ArgsOf<typeof ARGS>;

/**
 * MMCV's default constructor: without `paramwise_cfg` one group of all parameters; with it one group per parameter
 * with its own lr and weight_decay.
 * Source: mmcv 1.7.2 `runner/optimizer/default_constructor.py`.
 */
export class DefaultOptimizerConstructor implements OptimizerConstructor {
  static readonly args: ArgSpec = ARGS;
  protected readonly optimizerCfg: Readonly<Record<string, unknown>>;
  protected readonly paramwiseCfg: ParamwiseCfg;
  protected readonly base: { readonly lr?: number; readonly weightDecay?: number };
  protected readonly context: BuildContext;

  /** @throws ConfigError `bad-type`, `no-weight-decay` */
  constructor({ optimizerCfg, paramwiseCfg }: OptimizerConstructorArgs, context: BuildContext) {
    assertDict(optimizerCfg, 'optimizer');
    this.optimizerCfg = optimizerCfg;
    // Without rules nothing is multiplied: an optimizer of one's own may take anything for its lr.
    const isPlain = !isDict(paramwiseCfg) || Object.keys(paramwiseCfg).length === 0;
    this.base = isPlain
      ? {}
      : { lr: optionalNumber(optimizerCfg, 'lr'), weightDecay: optionalNumber(optimizerCfg, 'weight_decay') };
    this.paramwiseCfg = checkParamwiseCfg(paramwiseCfg, this.base);
    this.context = context;
  }

  /** @throws ConfigError `no-lr`; what the optimizer's class throws, with its path */
  call(model: Module): Optimizer {
    // MMCV is silent: a slip in a key then trains with the wrong rates.
    for (const key of unmatchedKeys(unwrap(model), this.paramwiseCfg))
      this.context.services.warn(
        `optimizer.paramwise_cfg.custom_keys: no parameter's name contains '${key}', so it changes nothing`,
      );
    const params = this.groups(model);
    const optimizer = buildFromCfg(this.optimizerCfg, this.context.registries.OPTIMIZERS, {
      path: 'optimizer',
      context: this.context,
      defaultArgs: { params },
    });
    return checkedOptimizer(optimizer, 'optimizer.type');
  }

  /** Which rule decided about each parameter, as `ParamDecision.rule` tells it. @throws ConfigError `no-lr` */
  rules(model: Module): Map<Parameter, string> {
    const root = unwrap(model);
    if (Object.keys(this.paramwiseCfg).length === 0)
      return new Map(allParameters(root).map((param) => [param, NO_RULE]));
    const listed = decideAll(root, this.#rules).filter(({ isListed }) => isListed);
    return new Map(listed.map(({ param, rule }) => [param, rule]));
  }

  /** The groups of a module tree, before the optimizer's defaults. */
  groups(model: ParamModule<Parameter>): GroupCfg<Parameter>[] {
    const root = unwrap(model);
    if (Object.keys(this.paramwiseCfg).length === 0) return [{ params: allParameters(root) }];
    const params: GroupCfg<Parameter>[] = [];
    this.addParams(params, root);
    return params;
  }

  /**
   * Add a group for each parameter of a module and of those below it: MMCV's `add_params`. Override it to decide otherwise
   * for some modules, and call it for the others.
   * @param params the groups so far; changed
   * @param prefix the module's name from the root; '' for the root
   * @param isDcnModule true below a deformable convolution
   * @throws ConfigError `no-lr`
   */
  addParams(
    params: GroupCfg<Parameter>[],
    module: ParamModule<Parameter>,
    prefix = '',
    isDcnModule = false,
  ): void {
    const isKnown = (param: Parameter): boolean => params.some((group) => group.params.includes(param));
    const place = { module, prefix, isInDcn: isDcnModule };
    for (const { param, options, isListed } of decideOwn(place, this.#rules, isKnown)) {
      if (isListed) params.push({ params: [param], ...options });
      else this.context.services.warn(`${prefix} is duplicate. It is skipped since bypass_duplicate=True`);
    }
    for (const [name, child] of childrenOf(module, prefix))
      this.addParams(params, child, name, isDcn(module));
  }

  get #rules(): ParamRules {
    return { cfg: this.paramwiseCfg, base: this.base };
  }
}

OPTIMIZER_BUILDERS.registerModule()(DefaultOptimizerConstructor);

/**
 * Build the optimizer of a config's `optimizer` dict; its `constructor` names the class that does it.
 * @param cfg borrowed
 * @throws ConfigError or RegistryError with the path inside the config
 * Source: mmcv 1.7.2 `build_optimizer`.
 */
export function buildOptimizer(model: Module, cfg: unknown, context: BuildContext): Optimizer {
  const { builder, type } = makeConstructor(cfg, context);
  return builtBy(builder, type, model);
}

/**
 * Tell which rule decides about each parameter of a model, for a config's `optimizer` dict.
 * @returns null where a constructor of the person's decides
 * @throws ConfigError or RegistryError as {@link buildOptimizer}
 */
export function explainParams(
  model: Module,
  cfg: unknown,
  context: BuildContext,
): ReadonlyMap<Parameter, string> | null {
  const { builder } = makeConstructor(cfg, context);
  // A subclass may decide otherwise.
  const isOurs = builder instanceof DefaultOptimizerConstructor;
  return isOurs && builder.constructor === DefaultOptimizerConstructor ? builder.rules(model) : null;
}

function makeConstructor(
  cfg: unknown,
  context: BuildContext,
): { readonly builder: OptimizerConstructor; readonly type: string } {
  assertDict(cfg, 'optimizer');
  const { constructor = 'DefaultOptimizerConstructor', paramwise_cfg, ...optimizerCfg } = cfg;
  // `constructor` of a plain object is inherited; only an own key is the person's.
  const type = Object.hasOwn(cfg, 'constructor') ? constructor : 'DefaultOptimizerConstructor';
  // MMCV hands over None where there is none, which a constructor without that argument fails at.
  const rules = paramwise_cfg === undefined ? {} : { paramwise_cfg };
  const builderCfg = { type, optimizer_cfg: optimizerCfg, ...rules };
  const rulesPlace = sourceOf(cfg, 'paramwise_cfg');
  if (rulesPlace) setSource(builderCfg, 'paramwise_cfg', rulesPlace);
  // The copies must still know where each argument was written.
  copySources(cfg, optimizerCfg);
  const place = sourceOf(cfg, 'constructor');
  if (place) setSource(builderCfg, 'type', place);
  try {
    const builder = buildFromCfg(builderCfg, context.registries.OPTIMIZER_BUILDERS, {
      path: 'optimizer',
      context,
    }) as OptimizerConstructor;
    return { builder, type: String(type) };
  } catch (error) {
    throw atConstructor(error);
  }
}

/** The name of the class stands under `constructor`, not under `type`. */
function atConstructor(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.path !== 'optimizer.type') return error;
  const { message, code, span, hint } = error;
  return new RegistryError(message, { code, span, hint, path: 'optimizer.constructor', cause: error });
}

/** @throws ConfigError `bad-constructor` for a class of the person's that isn't one, or that returns something else */
function builtBy(builder: OptimizerConstructor, type: string, model: Module): Optimizer {
  const fault = (message: string, hint: string): ConfigError =>
    new ConfigError(message, { code: 'bad-constructor', path: 'optimizer.constructor', hint });
  // Function.prototype.call is no method of an instance, but a class may lack its own.
  if (typeof builder.call !== 'function')
    throw fault(`${type} must have a method call, but has none`, 'call(model: Module): Optimizer { … }');
  const optimizer: unknown = builder.call(model);
  if (isInstance(optimizer)) {
    const checked = checkedOptimizer(optimizer, 'optimizer.constructor');
    for (const group of checked.paramGroups) checkRates(group, 'optimizer.constructor');
    checked.checkOptions();
    return checked;
  }
  throw fault(
    `${type}.call must return an Optimizer, but got ${plainRepr(optimizer)}`,
    'return buildFromCfg(optimizerCfg, OPTIMIZERS, { params })',
  );
}

/** Of a class, not a plain value. */
function isInstance(value: unknown): value is object {
  return typeof value === 'object' && value !== null && value.constructor !== Object && !Array.isArray(value);
}

/**
 * Check what a class of the person's made.
 * @param path of what named the class
 * @throws UserCodeError `bad-optimizer` at the class
 */
function checkedOptimizer(value: unknown, path: string): Optimizer {
  const module = (value as object).constructor as unknown as ClassWithArgs;
  const fault = (message: string, hint: string): UserCodeError =>
    new UserCodeError(message, { code: 'bad-optimizer', path, span: placeOfClass(module), hint });
  if (!(value instanceof Optimizer))
    throw fault(
      `${module.name} must extend Optimizer, but doesn't`,
      `import { Optimizer } from 'tabtrain' and write class ${module.name} extends Optimizer`,
    );
  if (typeof (value as { step?: unknown }).step !== 'function')
    throw fault(
      `${module.name} must have a method step, but has none`,
      'override step(): void { … } updates the parameters',
    );
  return value;
}

function optionalNumber(cfg: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = cfg[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return value;
  throw new ConfigError(
    `${key} must be a number where paramwise_cfg multiplies it, but got ${plainRepr(value)}`,
    {
      code: 'bad-type',
      path: `optimizer.${key}`,
      span: sourceOf(cfg, key)?.span,
    },
  );
}

/** A model with an attribute `module` is a parallel wrapper around the real one. */
function unwrap(model: ParamModule<Parameter>): ParamModule<Parameter> {
  for (const [name, child] of model.children()) if (name === 'module') return child;
  return model;
}

function allParameters(root: ParamModule<Parameter>): Parameter[] {
  const params = new Set<Parameter>();
  const visit = (module: ParamModule<Parameter>): void => {
    for (const [, param] of module.ownParameters()) params.add(param);
    for (const [, child] of module.children()) visit(child);
  };
  visit(root);
  return [...params];
}

/** What an optimizer's `params` argument holds: parameters, or groups of them. */
export type OptimizerParams = readonly Parameter[] | readonly GroupCfg<Parameter>[];
