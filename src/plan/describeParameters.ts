// What a run would train, told before it: the model and its optimizer are built as a run builds them, without a GPU.

import type { ConfigDict } from '../config/config.ts';
import { isDict } from '../lang/plain.ts';
import { toErrorReport } from '../errors/trainerError.ts';
import type { Parameter } from '../nn/index.ts';
import { buildOptimizer, explainParams, NO_RULE, type Optimizer, type ParamGroup } from '../optim/index.ts';
import { BuildContext } from '../registry/buildContext.ts';
import {
  ASSUMED_ITERS_PER_EPOCH,
  type ConfigPlan,
  type PlannedGroup,
  type PlannedParameter,
} from '../contracts/plan.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import { autoScaleLr } from './autoScaleLr.ts';
import { buildModel } from './buildModel.ts';
import { buildDataset } from './buildDataset.ts';
import { describeOwnSchedules } from './describeSchedules.ts';
import './registerAll.ts';
import { batchSizeOf, makeLoader } from './loaders.ts';
import { locateError } from './locateError.ts';
import { readRunConfig } from './runConfig.ts';
import { createUserModules } from './ownModules.ts';

export interface DescribeJob {
  readonly fs: FileSystem;
  readonly decodeImage: DecodeImage;
  /** In `fs`. */
  readonly configPath: string;
  readonly cfgOptions?: Record<string, unknown>;
}

/**
 * Tell each parameter's group, learning rate and weight decay, and what decided them.
 * @throws what a run of the config would throw while it builds its model and optimizer, with its place
 */
export async function describeParameters(job: DescribeJob): Promise<ConfigPlan> {
  const { fs, decodeImage, configPath } = job;
  const userModules = createUserModules();
  const warnings = new Set<string>();
  const context = new BuildContext(userModules.registries, {
    fs,
    decodeImage,
    seed: 0,
    warn: (message) => void warnings.add(message),
  });
  const { dict: written, warnings: doubts } = await readRunConfig(fs, configPath, job.cfgOptions);
  try {
    const dict = autoScaleLr(written, batchSizeOf(dataOf(written), true), () => undefined);
    await userModules.import(configPath, dict, context);
    const model = buildModel(dict, context);
    try {
      const optimizer = buildOptimizer(model, dict.optimizer, context);
      const rules = explainParams(model, dict.optimizer, context);
      // Without rules the config names a constructor of its own.
      const ruleOf = (param: Parameter): string =>
        rules?.get(param) ?? constructorOf(dict.optimizer) ?? NO_RULE;
      const groups = optimizer.paramGroups.map((group) => describeGroup(group, ruleOf));
      const counted = await countIters(dict, context);
      const itersPerEpoch = counted.itersPerEpoch || ASSUMED_ITERS_PER_EPOCH;
      return {
        optimizer: optimizer.constructor.name,
        groups,
        parameters: describeAll(model.parameters(), optimizer, ruleOf, dict),
        ...counted,
        ...describeOwnSchedules({ dict, context, model, optimizer, itersPerEpoch }),
        warnings: [...new Set([...doubts, ...warnings])],
      };
    } finally {
      model.dispose();
    }
  } catch (error) {
    throw locateError(userModules.locate(error), written);
  }
}

function describeGroup(group: ParamGroup, ruleOf: (param: Parameter) => string): PlannedGroup {
  const trained = group.params.filter(({ requiresGrad }) => requiresGrad);
  const { lr, weight_decay: weightDecay = null, momentum = null, betas } = group;
  return {
    lr,
    weightDecay,
    momentum,
    betas: betas ? [...betas] : null,
    rules: [...new Set(trained.map(ruleOf))],
    tensorCount: trained.length,
    valueCount: trained.reduce((sum, { size }) => sum + size, 0),
  };
}

function describeAll(
  parameters: readonly Parameter[],
  optimizer: Optimizer,
  ruleOf: (param: Parameter) => string,
  dict: ConfigDict,
): PlannedParameter[] {
  const groupOf = new Map(
    optimizer.paramGroups.flatMap(({ params }, i) => params.map((param) => [param, i] as const)),
  );
  return parameters.map((param) => ({
    name: param.name,
    shape: param.shape,
    count: param.size,
    frozenBy: param.requiresGrad ? null : whatFroze(param.name, dict),
    group: groupOf.get(param) ?? null,
    rule: ruleOf(param),
  }));
}

/** The entry of the config that froze a parameter. */
function whatFroze(name: string, { model }: ConfigDict): string {
  const backbone = isDict(model) && isDict(model.backbone) ? model.backbone : {};
  const { frozen_stages: stages } = backbone;
  const layer = /^backbone\.layer(\d+)\./.exec(name)?.[1];
  // A ResNet's stem is frozen with stage 0, layer n with stage n.
  const stage = layer !== undefined ? Number(layer) : name.startsWith('backbone.') ? 0 : Infinity;
  if (typeof stages === 'number' && stage <= stages) return `frozen_stages=${stages}`;
  return 'requires_grad=False';
}

/** Batches in an epoch, from the data set itself. What is wrong with the data keeps nothing else from being told. */
async function countIters(
  dict: ConfigDict,
  context: BuildContext,
): Promise<Pick<ConfigPlan, 'itersPerEpoch' | 'itersProblem'>> {
  try {
    const dataset = await buildDataset(dict, 'train', context);
    const source = { getSample: () => Promise.reject(new Error('internal: only counted')) };
    return { itersPerEpoch: makeLoader({ dataset, source }, dict, 0, true).length, itersProblem: null };
  } catch (error) {
    return { itersPerEpoch: null, itersProblem: toErrorReport(locateError(error, dict)).message };
  }
}

function constructorOf(cfg: unknown): string | undefined {
  return isDict(cfg) && Object.hasOwn(cfg, 'constructor') ? String(cfg['constructor']) : undefined;
}

function dataOf(dict: ConfigDict): Readonly<Record<string, unknown>> {
  return isDict(dict.data) ? dict.data : {};
}
