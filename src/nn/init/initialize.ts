// `init_cfg`: which layers get which starting values. Source: mmcv 1.7.2 `cnn/utils/weight_init.py`.

import { ConfigError } from '../../errors/index.ts';
import { copySources } from '../../lang/sourceMap.ts';
import type { Rng } from '../../util/prng.ts';
import type { Parameter } from '../parameter.ts';
import type { InitTarget } from './initTarget.ts';
import { loadPretrained, type PretrainedOptions } from './pretrained.ts';
import {
  biasInitWithProb,
  fillConstant,
  fillKaiming,
  fillNormal,
  fillTruncNormal,
  fillUniform,
  fillXavier,
  type Distribution,
  type FanMode,
  type Nonlinearity,
} from './initializers.ts';

export type InitOptions = PretrainedOptions;

type Cfg = Record<string, unknown>;
type FillWeight = (weight: Parameter, rng: Rng) => void;

/**
 * Apply one `init_cfg` (or a list of them) to a module and everything below it.
 * `layer` names the classes it touches; `override` names attributes it touches whole.
 * @throws ConfigError for an unknown type, a wrong key, or an override of something that isn't there
 */
export async function initialize(
  module: InitTarget,
  initCfg: unknown,
  rng: Rng,
  options: InitOptions,
): Promise<void> {
  for (const cfg of asList(initCfg, 'init_cfg')) {
    const { override, ...own } = cfg;
    copySources(cfg, own);
    await initializeOne(module, own, rng, options, false);
    if (override === undefined || override === null) continue;
    const { layer: _, ...inherited } = own;
    for (const entry of asList(override, 'override')) {
      const { name, ...rest } = entry;
      if (typeof name !== 'string')
        throw bad(`override must contain the key "name", but got ${Object.keys(entry).join(', ')}`);
      const hasOwn = Object.keys(rest).length > 0;
      if (hasOwn && rest.type === undefined) throw bad(`override of '${name}' needs a "type" key`);
      const target = module.attribute(name);
      if (!target) throw bad(`${module.className} has no attribute '${name}' that init_cfg could override`);
      await initializeOne(target, hasOwn ? rest : inherited, rng, options, true);
    }
  }
}

/** Whether an `init_cfg` loads a checkpoint; then the children's own init_cfgs are skipped. */
export function isPretrained(initCfg: unknown): boolean {
  return isCfg(initCfg) && initCfg.type === 'Pretrained';
}

async function initializeOne(
  module: InitTarget,
  cfg: Cfg,
  rng: Rng,
  options: InitOptions,
  wholeModule: boolean,
): Promise<void> {
  if (cfg.type === 'Pretrained') return loadPretrained(module, cfg, options);
  const { layer, bias = 0, bias_prob: biasProb } = cfg;
  const layers = typeof layer === 'string' ? [layer] : Array.isArray(layer) ? layer : [];
  const fillWeight = weightFiller(cfg);
  const biasValue = typeof biasProb === 'number' ? biasInitWithProb(biasProb) : numberOf(bias, 'bias');
  for (const [, target] of module.namedModules()) {
    const named = layers.includes(target.className) || target.baseNames.some((base) => layers.includes(base));
    if (!wholeModule && !named) continue;
    const weight = target.ownParameters().get('weight');
    const biasParameter = target.ownParameters().get('bias');
    if (weight) fillWeight(weight, rng);
    if (biasParameter) fillConstant(biasParameter, biasValue);
  }
}

const COMMON_KEYS = ['type', 'layer', 'bias', 'bias_prob'];

function weightFiller(cfg: Cfg): FillWeight {
  const take = (keys: readonly string[]): void => {
    const unknown = Object.keys(cfg).find((key) => !keys.includes(key) && !COMMON_KEYS.includes(key));
    if (unknown !== undefined)
      throw bad(`init_cfg ${String(cfg.type)} got an unexpected argument '${unknown}'`);
  };
  const number = (key: string, fallback: number): number => numberOf(cfg[key] ?? fallback, key);
  switch (cfg.type) {
    case 'Constant': {
      take(['val']);
      if (cfg.val === undefined) throw bad("init_cfg Constant is missing the required argument 'val'");
      const value = number('val', 0);
      return (weight) => fillConstant(weight, value);
    }
    case 'Normal': {
      take(['mean', 'std']);
      const [mean, std] = [number('mean', 0), number('std', 1)];
      return (weight, rng) => fillNormal(weight, rng, mean, std);
    }
    case 'TruncNormal': {
      take(['mean', 'std', 'a', 'b']);
      const range = {
        mean: number('mean', 0),
        std: number('std', 1),
        low: number('a', -2),
        high: number('b', 2),
      };
      return (weight, rng) => fillTruncNormal(weight, rng, range);
    }
    case 'Uniform': {
      take(['a', 'b']);
      const [low, high] = [number('a', 0), number('b', 1)];
      return (weight, rng) => fillUniform(weight, rng, low, high);
    }
    case 'Xavier': {
      take(['gain', 'distribution']);
      const xavier = { gain: number('gain', 1), distribution: distributionOf(cfg) };
      return (weight, rng) => fillXavier(weight, rng, xavier);
    }
    case 'Kaiming': {
      take(['a', 'mode', 'nonlinearity', 'distribution']);
      const kaiming = {
        a: number('a', 0),
        mode: oneOf<FanMode>(cfg.mode ?? 'fan_out', ['fan_in', 'fan_out'], 'mode'),
        nonlinearity: oneOf<Nonlinearity>(cfg.nonlinearity ?? 'relu', NONLINEARITIES, 'nonlinearity'),
        distribution: distributionOf(cfg),
      };
      return (weight, rng) => fillKaiming(weight, rng, kaiming);
    }
    case 'Caffe2Xavier': {
      take([]);
      const kaiming = { a: 1, mode: 'fan_in', nonlinearity: 'leaky_relu', distribution: 'uniform' } as const;
      return (weight, rng) => fillKaiming(weight, rng, kaiming);
    }
    default:
      throw bad(
        `init_cfg type ${JSON.stringify(cfg.type) ?? 'undefined'} is not an initialiser`,
        "it must be one of 'Constant', 'Xavier', 'Normal', 'TruncNormal', 'Uniform', 'Kaiming', 'Caffe2Xavier', 'Pretrained'",
      );
  }
}

const NONLINEARITIES: readonly Nonlinearity[] = ['relu', 'leaky_relu', 'linear', 'sigmoid', 'tanh', 'selu'];

function distributionOf(cfg: Cfg): Distribution {
  return oneOf<Distribution>(cfg.distribution ?? 'normal', ['normal', 'uniform'], 'distribution');
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], key: string): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined)
    throw bad(`init_cfg ${key} must be one of ${allowed.join(', ')}, but got ${JSON.stringify(value)}`);
  return found;
}

function numberOf(value: unknown, key: string): number {
  if (typeof value !== 'number')
    throw bad(`init_cfg ${key} must be a number, but got ${JSON.stringify(value)}`);
  return value;
}

function asList(value: unknown, what: string): Cfg[] {
  const list = Array.isArray(value) ? value : [value];
  if (!list.every(isCfg))
    throw bad(`${what} must be a dict or a list of dicts, but got ${JSON.stringify(value)}`);
  return list;
}

function isCfg(value: unknown): value is Cfg {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(message: string, hint?: string): ConfigError {
  return new ConfigError(message, { code: 'bad-init', hint });
}
