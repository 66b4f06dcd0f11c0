// Runs optimizer_constructor.json: the module trees become modules of ours, and a config's `optimizer` dict their optimizer, as a run
// builds it.

import { Module, Parameter } from '../../src/nn/index.ts';
import { buildOptimizer, type Optimizer, type TrainableParam } from '../../src/optim/index.ts';
import { BuildContext, createRunRegistries, type RunServices } from '../../src/registry/index.ts';
import { isDict } from '../../src/lang/plain.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { judgeThrown, notRaised, type ExceptionCodes } from './raised.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Products of two float64 numbers: equal, but for decimal text. */
const TOLERANCE = 1e-15;

export const suite: ParitySuite = {
  files: ['optimizer_constructor.json'],
  run: (fixture, file) => {
    const models = fixture.models as Readonly<Record<string, TreeJson>>;
    return runCases(fixture, file, (one) => {
      const tree = models[String(one.model)];
      return tree ? runCase(one, tree) : failed(`the fixture has no model '${String(one.model)}'`);
    });
  },
};

interface TreeJson {
  readonly module_id: number;
  readonly cls: string;
  readonly bases: readonly string[];
  readonly in_channels?: number;
  readonly groups?: number;
  readonly params: readonly { name: string; param_id: number; shape: number[]; requires_grad: boolean }[];
  readonly children: readonly { name: string; module: TreeJson }[];
}

/** What a Python exception is with us. */
const CODES: ExceptionCodes = {
  KeyError: ['unknown-type', 'missing-type'],
  TypeError: ['bad-type', 'no-lr', 'unknown-argument', 'not-a-dict'],
  ValueError: ['no-weight-decay', 'duplicate-parameter', 'missing-argument', 'bad-value'],
  AttributeError: ['bad-type'],
};

function runCase(one: FixtureCase, tree: TreeJson): ParityOutcome {
  const warnings: string[] = [];
  const context = new BuildContext(createRunRegistries(), services(warnings));
  const names = namesOf(tree);
  try {
    const optimizer = buildOptimizer(readTree(tree, names.parameters), readCfg(one, context), context);
    if (one.error) return notRaised(one);
    const wanted = decodeValue(one.param_groups) as Record<string, unknown>[];
    const got = optimizer.paramGroups.map((group, i) => describeGroup(group, names.of, wanted[i]));
    return (
      diffNumbers('optimizer_class', optimizer.constructor.name, one.optimizer_class, 0) ??
      diffNumbers('param_groups', got, wanted, TOLERANCE) ??
      // What we add to MMCV's own words, such as a key without a parameter.
      diffNumbers('warnings', warnings.filter(isMmcvs), one.warnings, 0) ??
      passed
    );
  } catch (error) {
    return judgeThrown(error, one, CODES);
  }
}

const isMmcvs = (warning: string): boolean => !warning.startsWith('optimizer.paramwise_cfg.custom_keys:');

/** The config's `optimizer`. Where its `type` or `constructor` is a class itself, so it is here. */
function readCfg(one: FixtureCase, { registries }: BuildContext): unknown {
  if (!isDict(one.optimizer_cfg)) return decodeValue(one.optimizer_cfg);
  const cfg = decodeValue(one.optimizer_cfg) as Record<string, unknown>;
  if (one.paramwise_cfg !== undefined && !Object.hasOwn(cfg, 'paramwise_cfg'))
    cfg.paramwise_cfg = decodeValue(one.paramwise_cfg);
  const { type, constructor: builder } = one.optimizer_cfg;
  const optimizerClass = classNamed(type, one.optimizer_class);
  if (optimizerClass !== null) cfg.type = registries.OPTIMIZERS.get(optimizerClass) ?? class Other {};
  const builderClass = Object.hasOwn(cfg, 'constructor')
    ? classNamed(builder, 'DefaultOptimizerConstructor')
    : null;
  if (builderClass !== null)
    cfg.constructor = registries.OPTIMIZER_BUILDERS.get(builderClass) ?? class Other {};
  return cfg;
}

/**
 * The name of a Python class in a fixture's value, `{"__class__": "torch.optim.sgd.SGD"}` or `<class 'torch.optim.sgd.SGD'>`;
 * null for what is no class.
 * @param fallback the name where the value tells only that it is a class, `{"__repr__": "type"}`
 */
function classNamed(value: unknown, fallback: unknown): string | null {
  const text = isDict(value) ? (value.__class__ ?? value.__repr__) : value;
  if (typeof text !== 'string') return null;
  const [, quoted] = /^<class '(.+)'>$/.exec(text) ?? [];
  if (!isDict(value) && quoted === undefined) return null;
  const name = (quoted ?? text).split('.').at(-1) ?? text;
  return /^(type|ABCMeta)$/.test(name) ? String(fallback) : name;
}

function describeGroup(
  group: Optimizer['paramGroups'][number],
  namesOf: ReadonlyMap<TrainableParam, readonly string[]>,
  wanted: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const params = group.params.map((param) => {
    const names = namesOf.get(param) ?? [];
    return names.length === 1 ? names[0] : names;
  });
  // The fixture lists some options of each group only.
  const options = Object.keys(wanted ?? {}).filter((key) => key !== 'params');
  return { params, ...Object.fromEntries(options.map((key) => [key, group[key]])) };
}

interface TreeNames {
  /** By the fixture's param_id. */
  readonly parameters: ReadonlyMap<number, Parameter>;
  /** All full names of a parameter; several when it is shared. */
  readonly of: ReadonlyMap<TrainableParam, readonly string[]>;
}

function namesOf(root: TreeJson): TreeNames {
  const parameters = new Map<number, Parameter>();
  const names = new Map<TrainableParam, string[]>();
  const visit = (tree: TreeJson, prefix: string): void => {
    for (const { name, param_id, shape, requires_grad } of tree.params) {
      let parameter = parameters.get(param_id);
      if (!parameter) {
        parameter = new Parameter(shape);
        parameter.requiresGrad = requires_grad;
        parameters.set(param_id, parameter);
        names.set(parameter, []);
      }
      names.get(parameter)?.push(`${prefix}${name}`);
    }
    for (const { name, module } of tree.children) visit(module, `${prefix}${name}.`);
  };
  // The names are those inside a parallel wrapper.
  const wrapped = root.children.find((child) => child.name === 'module');
  visit(wrapped?.module ?? root, '');
  return { parameters, of: names };
}

/** A module of the fixture's tree: PyTorch's class and bases, and of a convolution its channels. */
class TreeModule extends Module {
  override readonly className: string;
  override readonly baseNames: readonly string[];
  readonly inChannels: number | undefined;
  readonly groups: number | undefined;

  constructor({ cls, bases, in_channels: inChannels, groups }: TreeJson) {
    super();
    this.className = cls;
    this.baseNames = bases;
    this.inChannels = inChannels;
    this.groups = groups;
  }
}

function readTree(root: TreeJson, parameters: ReadonlyMap<number, Parameter>): Module {
  const modules = new Map<number, Module>();
  const read = (tree: TreeJson): Module => {
    const existing = modules.get(tree.module_id);
    if (existing) return existing;
    const module = new TreeModule(tree);
    modules.set(tree.module_id, module);
    for (const { name, param_id } of tree.params) {
      const parameter = parameters.get(param_id);
      if (parameter) module.addParameter(name, parameter);
    }
    for (const { name, module: child } of tree.children) module.addModule(name, read(child));
    return module;
  };
  return read(root);
}

function services(warnings: string[]): RunServices {
  const unused = (): never => {
    throw new Error('internal: building an optimizer reads no files');
  };
  return {
    // Building an optimizer touches no files.
    fs: {} as RunServices['fs'],
    decodeImage: unused,
    seed: 0,
    warn: (message) => warnings.push(message),
  };
}
