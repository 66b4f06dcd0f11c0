// Runs optimizer_constructor.json: the module trees go through DefaultOptimizerConstructor and the optimizer itself.

import { Parameter } from '../../src/nn/index.ts';
import {
  DefaultOptimizerConstructor,
  type Optimizer,
  type ParamModule,
  type TrainableParam,
} from '../../src/optim/index.ts';
import {
  BuildContext,
  buildFromCfg,
  createRunRegistries,
  type RunServices,
} from '../../src/registry/index.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { judgeThrown, notRaised, type ExceptionCodes } from './raised.ts';
import { passed, skipped, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Products of two float64 numbers: equal, but for decimal text. */
const TOLERANCE = 1e-15;

export const suite: ParitySuite = {
  files: ['optimizer_constructor.json'],
  run: (fixture, file) => {
    const models = fixture.models as Readonly<Record<string, TreeJson>>;
    return runCases(fixture, file, (one) => runCase(one, models[one.model as string]));
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
  const optimizerCfg = decodeValue(one.optimizer_cfg) as Record<string, unknown>;
  const names = namesOf(tree);
  const type = String(optimizerCfg.type);
  const isLater = typeof optimizerCfg.type === 'string' && LATER.includes(type);
  if (isLater && !context.registries.OPTIMIZERS.has(type))
    return skipped(`optimizer ${type} is not built yet`);
  try {
    const builder = new DefaultOptimizerConstructor(
      { optimizerCfg, paramwiseCfg: decodeValue(one.paramwise_cfg) },
      context,
    );
    const params = builder.groups(readTree(tree, names.parameters));
    const optimizer = buildFromCfg(optimizerCfg, context.registries.OPTIMIZERS, {
      path: 'optimizer',
      context,
      defaultArgs: { params },
    }) as Optimizer;
    if (one.error) return notRaised(one);
    const wanted = decodeValue(one.param_groups) as Record<string, unknown>[];
    const got = optimizer.paramGroups.map((group, i) => describeGroup(group, names.of, wanted[i]));
    return (
      diffNumbers('param_groups', got, wanted, TOLERANCE) ??
      diffNumbers('warnings', warnings, one.warnings, 0) ??
      passed
    );
  } catch (error) {
    return judgeThrown(error, one, CODES);
  }
}

const LATER = [
  'ASGD',
  'Adadelta',
  'Adagrad',
  'Adamax',
  'LBFGS',
  'NAdam',
  'RAdam',
  'RMSprop',
  'Rprop',
  'SparseAdam',
];

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

function readTree(root: TreeJson, parameters: ReadonlyMap<number, Parameter>): ParamModule<Parameter> {
  const modules = new Map<number, ParamModule<Parameter>>();
  const read = (tree: TreeJson): ParamModule<Parameter> => {
    const existing = modules.get(tree.module_id);
    if (existing) return existing;
    const children = tree.children.map(({ name, module }) => [name, read(module)] as const);
    const own = tree.params.flatMap(({ name, param_id }) => {
      const parameter = parameters.get(param_id);
      return parameter ? [[name, parameter] as const] : [];
    });
    const module: ParamModule<Parameter> = {
      className: tree.cls,
      baseNames: tree.bases,
      inChannels: tree.in_channels,
      groups: tree.groups,
      children: () => children,
      ownParameters: () => own,
    };
    modules.set(tree.module_id, module);
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
