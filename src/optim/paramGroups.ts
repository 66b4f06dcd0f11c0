// DefaultOptimizerConstructor's rules: which parameter gets which learning rate and weight decay.

import { isDict, plainTruth, type PlainDict } from '../lang/plain.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import type { DictOf } from '../registry/args/types.ts';
import type { PARAMWISE_ARGS } from './paramwiseArgs.ts';
import type { ParamModule, TrainableParam } from './paramModule.ts';

/** A parameter group before an optimizer has filled in its defaults. */
export interface GroupCfg<P> {
  readonly params: readonly P[];
  readonly lr?: number;
  readonly weight_decay?: number;
  readonly [option: string]: unknown;
}

/** `paramwise_cfg` after its checks. A rule of `custom_keys` is looked at where a parameter comes to it, as in MMCV. */
export type ParamwiseCfg = DictOf<typeof PARAMWISE_ARGS.table>;

/** What the multipliers multiply: the optimizer's lr and weight_decay, where its config has them. */
export interface BaseValues {
  readonly lr?: number;
  readonly weightDecay?: number;
}

const PATH = 'optimizer.paramwise_cfg';

/**
 * Check `paramwise_cfg`. Keys it doesn't know are ignored, and rules of `custom_keys` that no parameter comes to may be
 * anything, as in MMCV.
 * @throws ConfigError `bad-type` for a wrong type, `no-weight-decay` for a decay multiplier without weight_decay
 */
export function checkParamwiseCfg(value: unknown, base: BaseValues): ParamwiseCfg {
  if (value === undefined || value === null) return {};
  if (!isDict(value)) throw badType(PATH, 'must be None or a dict', value);
  const customKeys = value.custom_keys;
  if (customKeys !== undefined) {
    if (!isDict(customKeys)) throw badType(`${PATH}.custom_keys`, 'must be a dict', customKeys);
    for (const [key, rule] of base.weightDecay === undefined ? Object.entries(customKeys) : [])
      if (isDict(rule) && 'decay_mult' in rule) throw noDecay(`custom_keys.${key}`, 'decay_mult', rule);
  }
  for (const key of MULT_KEYS) multIn(value, key, '');
  for (const key of ['bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult'])
    if (base.weightDecay === undefined && key in value) throw noDecay('', key, value);
  return value as ParamwiseCfg;
}

/** What is decided of one parameter of a model. */
export interface ParamDecision<P> {
  readonly param: P;
  /** Own group options; without them the optimizer's. */
  readonly options: GroupOptions;
  /**
   * What decided: `custom_keys['backbone']: lr_mult=0.1`, `norm_decay_mult=0`, several joined by commas, or
   * {@link NO_RULE}.
   */
  readonly rule: string;
  /** False for a duplicate that `bypass_duplicate` leaves out. */
  readonly isListed: boolean;
  /** Name of the module that holds it, from the root. */
  readonly prefix: string;
}

/** The rule of a parameter that gets the optimizer's own values. */
export const NO_RULE = 'default';

/** What decides: `paramwise_cfg` and what it multiplies. */
export interface ParamRules {
  readonly cfg: ParamwiseCfg;
  readonly base: BaseValues;
}

/**
 * Decide for every parameter, in the module's order.
 * @throws ConfigError `no-lr` when a rule multiplies an lr that the optimizer's config doesn't have
 */
export function decideAll<P extends TrainableParam>(
  root: ParamModule<P>,
  rules: ParamRules,
): ParamDecision<P>[] {
  const decisions: ParamDecision<P>[] = [];
  const isKnown = (param: P): boolean => decisions.some((other) => other.param === param);
  const visit = (module: ParamModule<P>, prefix: string, isInDcn: boolean): void => {
    for (const decision of decideOwn({ module, prefix, isInDcn }, rules, isKnown)) decisions.push(decision);
    for (const [name, child] of childrenOf(module, prefix)) visit(child, name, isDcn(module));
  };
  visit(root, '', false);
  return decisions;
}

/** A module of the tree, where it stands. */
export interface ModulePlace<P extends TrainableParam> {
  readonly module: ParamModule<P>;
  /** Its name from the root; '' for the root. */
  readonly prefix: string;
  /** True below a deformable convolution. */
  readonly isInDcn: boolean;
}

/**
 * Decide for the parameters of one module alone, one by one.
 * @param isKnown whether a parameter is in a group already
 * @throws ConfigError `no-lr`
 * Source: mmcv 1.7.2 `DefaultOptimizerConstructor.add_params`.
 */
export function* decideOwn<P extends TrainableParam>(
  { module, prefix, isInDcn }: ModulePlace<P>,
  { cfg, base }: ParamRules,
  isKnown: (param: P) => boolean,
): Generator<ParamDecision<P>> {
  const customRules = sortedRules(cfg);
  const kind = moduleKind(module);
  // named_parameters() names a parameter once, even if the module holds it twice.
  for (const [name, param] of uniqueValues(module.ownParameters())) {
    // Frozen parameters are listed, so that indices match the model, but no rule applies to them.
    if (!param.requiresGrad) {
      yield { param, options: {}, rule: NO_RULE, isListed: true, prefix };
    } else if (plainTruth(cfg.bypass_duplicate) && isKnown(param)) {
      yield { param, options: {}, rule: 'bypass_duplicate', isListed: false, prefix };
    } else {
      const facts = { name, prefix, isInDcn, ...kind };
      yield { param, ...decide(facts, cfg, base, customRules), isListed: true, prefix };
    }
  }
}

/** The children of a module, each once, with their names from the root. */
export function childrenOf<P extends TrainableParam>(
  module: ParamModule<P>,
  prefix: string,
): [string, ParamModule<P>][] {
  return uniqueValues(module.children()).map(([name, child]) => [
    prefix === '' ? name : `${prefix}.${name}`,
    child,
  ]);
}

/** Whether a module is a deformable convolution, below which some rules are others. */
export function isDcn(module: ParamModule<TrainableParam>): boolean {
  return classesOf(module).some((name) => DCN_CLASSES.includes(name));
}

/** Keys of `custom_keys` that are part of no parameter's name. */
export function unmatchedKeys<P extends TrainableParam>(root: ParamModule<P>, cfg: ParamwiseCfg): string[] {
  const names: string[] = [];
  const visit = (module: ParamModule<P>, prefix: string): void => {
    for (const [name] of module.ownParameters()) names.push(`${prefix}.${name}`);
    for (const [name, child] of module.children()) visit(child, prefix === '' ? name : `${prefix}.${name}`);
  };
  visit(root, '');
  return Object.keys(cfg.custom_keys ?? {}).filter((key) => !names.some((name) => name.includes(key)));
}

export interface GroupOptions {
  lr?: number;
  weight_decay?: number;
}

interface CustomRule {
  readonly key: string;
  /** Whatever stands there. */
  readonly rule: unknown;
  readonly span: ConfigError['span'];
}

/** The longest key first, ties in alphabetical order. */
function sortedRules({ custom_keys: customKeys = {} }: ParamwiseCfg): CustomRule[] {
  const keys = Object.keys(customKeys).sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return keys.map((key) => ({ key, rule: customKeys[key], span: sourceOf(customKeys, key)?.span }));
}

interface ParamFacts {
  readonly name: string;
  readonly prefix: string;
  readonly isInDcn: boolean;
  readonly isNorm: boolean;
  readonly isDepthwise: boolean;
  readonly isConv2d: boolean;
}

/** The options of a trained parameter, and which entries of `paramwise_cfg` gave them. */
function decide(
  facts: ParamFacts,
  cfg: ParamwiseCfg,
  base: BaseValues,
  customRules: readonly CustomRule[],
): { options: GroupOptions; rule: string } {
  const fullName = `${facts.prefix}.${facts.name}`;
  const found = customRules.find(({ key }) => fullName.includes(key));
  if (found) return decideByCustomKey(found, base);
  return decideByKind(facts, cfg, base);
}

function decideByCustomKey(
  { key, rule, span }: CustomRule,
  base: BaseValues,
): { options: GroupOptions; rule: string } {
  const path = `custom_keys.${key}`;
  if (!isDict(rule)) throw badType(`${PATH}.${path}`, 'must be a dict', rule, span);
  const options: GroupOptions = { lr: multiply(base.lr, multIn(rule, 'lr_mult', path)) };
  if (base.weightDecay !== undefined)
    options.weight_decay = base.weightDecay * multIn(rule, 'decay_mult', path);
  const mults = CUSTOM_MULTS.filter((name) => rule[name] !== undefined);
  const values = mults.map((name) => `${name}=${plainRepr(rule[name])}`).join(', ');
  return { options, rule: `custom_keys['${key}']${values === '' ? '' : `: ${values}`}` };
}

function decideByKind(
  { name, prefix, isInDcn, isNorm, isDepthwise, isConv2d }: ParamFacts,
  cfg: ParamwiseCfg,
  base: BaseValues,
): { options: GroupOptions; rule: string } {
  const options: GroupOptions = {};
  const rules: string[] = [];
  const multOf = (key: MultKey): number => {
    const mult = cfg[key];
    if (mult !== undefined) rules.push(`${key}=${mult}`);
    return mult ?? 1;
  };
  // Biases get their lr even with a multiplier of 1, so that without an lr in the config this fails, as in MMCV.
  if (name === 'bias' && !isNorm && !isInDcn) options.lr = multiply(base.lr, multOf('bias_lr_mult'));
  if (prefix.includes('conv_offset') && isInDcn && isConv2d) {
    options.lr = multiply(base.lr, multOf('dcn_offset_lr_mult'));
  }
  const decay = base.weightDecay;
  if (decay !== undefined) {
    if (isNorm) options.weight_decay = decay * multOf('norm_decay_mult');
    else if (isDepthwise) options.weight_decay = decay * multOf('dwconv_decay_mult');
    else if (name === 'bias' && !isInDcn) options.weight_decay = decay * multOf('bias_decay_mult');
  }
  return { options, rule: rules.join(', ') || NO_RULE };
}

const MULT_KEYS = [
  'bias_lr_mult',
  'bias_decay_mult',
  'norm_decay_mult',
  'dwconv_decay_mult',
  'dcn_offset_lr_mult',
] as const;
type MultKey = (typeof MULT_KEYS)[number];
/** Of a rule in `custom_keys`. */
const CUSTOM_MULTS = ['lr_mult', 'decay_mult'] as const;

const NORM_CLASSES = ['_BatchNorm', '_InstanceNorm', 'GroupNorm', 'LayerNorm'];
const DCN_CLASSES = ['DeformConv2d', 'ModulatedDeformConv2d'];

function classesOf({ className, baseNames }: ParamModule<TrainableParam>): string[] {
  return [className, ...baseNames];
}

function moduleKind(
  module: ParamModule<TrainableParam>,
): Pick<ParamFacts, 'isNorm' | 'isDepthwise' | 'isConv2d'> {
  const classes = classesOf(module);
  const isConv2d = classes.includes('Conv2d');
  return {
    isNorm: classes.some((name) => NORM_CLASSES.includes(name)),
    isDepthwise: isConv2d && module.inChannels !== undefined && module.inChannels === module.groups,
    isConv2d,
  };
}

function multiply(lr: number | undefined, factor: number): number {
  if (lr !== undefined) return lr * factor;
  throw new ConfigError('the optimizer must have lr when paramwise_cfg is used, but it has none', {
    code: 'no-lr',
    path: 'optimizer.lr',
    hint: 'write lr=… inside optimizer',
  });
}

/**
 * A multiplier, 1 where there is none. True and False multiply as 1 and 0, as in Python.
 * @param path of `dict` inside `paramwise_cfg`; '' for itself
 * @throws ConfigError `bad-type` for None, a text and the like: Python's multiplication fails
 */
function multIn(dict: PlainDict, key: string, path: string): number {
  const value = dict[key];
  if (value === undefined) return 1;
  if ((typeof value === 'number' && !Number.isNaN(value)) || typeof value === 'boolean') return Number(value);
  throw new ConfigError(`${key} must be a number, but got ${plainRepr(value)}`, {
    code: 'bad-type',
    path: pathOf(path, key),
    span: sourceOf(dict, key)?.span,
  });
}

/** @param path of `dict`, which holds `key`, inside `paramwise_cfg` */
function noDecay(path: string, key: string, dict: PlainDict): ConfigError {
  const name = path === '' ? key : `${path}.${key}`;
  return new ConfigError(`the optimizer must have weight_decay when ${name} is used, but it has none`, {
    code: 'no-weight-decay',
    path: pathOf(path, key),
    span: sourceOf(dict, key)?.span,
    hint: 'write weight_decay=… inside optimizer',
  });
}

function pathOf(path: string, key: string): string {
  return path === '' ? `${PATH}.${key}` : `${PATH}.${path}.${key}`;
}

function uniqueValues<V>(entries: Iterable<readonly [string, V]>): [string, V][] {
  const seen = new Set<V>();
  const unique: [string, V][] = [];
  for (const [name, value] of entries) {
    if (seen.has(value)) continue;
    seen.add(value);
    unique.push([name, value]);
  }
  return unique;
}

function badType(path: string, requirement: string, value: unknown, span?: ConfigError['span']): ConfigError {
  return new ConfigError(`${path} ${requirement}, but got ${plainRepr(value)}`, {
    code: 'bad-type',
    path,
    span,
  });
}
