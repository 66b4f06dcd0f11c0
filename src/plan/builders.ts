// How each part of a run is built. A builder needs what the builders before it have made, and may be replaced by another.

import { isDict } from '../lang/plain.ts';
import { loadModels } from '../models/catalog.ts';
import { buildOptimizer } from '../optim/index.ts';
import { buildRunner } from '../runner/buildRunner.ts';
import { EVALUATES_NOTHING } from '../runner/hooks/evaluation.ts';
import { RunControl } from '../runner/runControl.ts';
import { buildDataset } from './buildDataset.ts';
import { buildModel } from './buildModel.ts';
import { checkEvaluation, evaluationWarnings, readEvaluation } from './checkEvaluation.ts';
import { checkModelOnData } from './checkModelOnData.ts';
import { batchesPerEpoch } from './loaders.ts';
import { namedTypes } from './namedTypes.ts';
import { need, type Parts } from './parts.ts';
import { readRunnerCfg, readWorkflow, runLength } from './runnerConfig.ts';
import { registerRunHooks } from './trainingHooks.ts';
import { classProblems, isReordered } from './weightClasses.ts';
import { weightProblems } from './weightFiles.ts';
import { workDirProblems } from './workDir.ts';

type PartName = 'workflow' | 'trainSet' | 'testSet' | 'model' | 'optimizer' | 'runner';

export interface Builder {
  readonly name: string;
  /** Parts without which it isn't asked. */
  readonly needs: readonly PartName[];
  /** @throws TrainerError what is wrong with the config, the data or a module */
  build(parts: Parts): Promise<void> | void;
}

/** The classes that the config names, registered: tabtrain's and the person's own. */
export const importModules: Builder = {
  name: 'modules',
  needs: [],
  async build({ userModules, context, dict, job, problems }) {
    await loadModels(namedTypes([dict.model, dict.train_cfg, dict.test_cfg]));
    await userModules.import(job.configPath, dict, context);
    for (const { span, message, code } of await userModules.checkTypes(job.checkTypes))
      problems.push({
        severity: 'warning',
        code,
        message: `${message} (${code})`,
        span,
      });
  },
};

/** `workflow`, and what `evaluation` may say whatever the data are. */
export const readFlow: Builder = {
  name: 'workflow',
  needs: [],
  build(parts) {
    const { dict } = parts;
    const evaluation = readEvaluation(dict);
    if (evaluation) checkEvaluation(evaluation, null);
    for (const message of evaluationWarnings(dict, hasVal(parts)))
      parts.problems.push({ severity: 'warning', code: 'no-effect', message, path: 'evaluation' });
    parts.workflow = readWorkflow(dict.workflow);
  },
};

/** `data.train`. */
export const openTrainSet: Builder = {
  name: 'trainSet',
  needs: ['workflow'],
  async build(parts) {
    const { dict, context, host, problems } = parts;
    let trainSet = await buildDataset(dict, 'train', context);
    const { weights } = host;
    if (weights) problems.push(...classProblems(weights, trainSet.CLASSES));
    if (weights?.classes && isReordered(weights.classes, trainSet.CLASSES)) {
      host.info?.(`labels go by name: ${weights.classes.join(', ')}, as in ${weights.path}`);
      trainSet = await buildDataset(dict, 'train', context, weights.classes);
    }
    parts.trainSet = trainSet;
    parts.itersPerEpoch = batchesPerEpoch(trainSet, dict);
  },
};

/** `data.val`, where something is evaluated on it. */
export const openValSet: Builder = {
  name: 'valSet',
  needs: ['workflow', 'trainSet'],
  async build(parts) {
    const { dict, context } = parts;
    const evaluation = readEvaluation(dict);
    if (!evaluation || !hasVal(parts)) return;
    parts.valSet = await buildDataset(dict, 'val', context, parts.trainSet?.CLASSES);
    checkEvaluation(evaluation, parts.valSet);
  },
};

/** `model`: its parameters have shapes, and no values yet. */
export const makeModel: Builder = {
  name: 'model',
  needs: [],
  build(parts) {
    const model = buildModel(parts.dict, parts.context);
    if (parts.trainSet) model.CLASSES = parts.trainSet.CLASSES;
    parts.model = model;
  },
};

/** The files that weights come from. */
export const findWeights: Builder = {
  name: 'weights',
  needs: [],
  async build(parts) {
    parts.problems.push(...(await weightProblems(parts)));
  },
};

/** Where runs are written. */
export const checkWorkDir: Builder = {
  name: 'workDir',
  needs: [],
  async build({ job, host, config, problems }) {
    // A run has its folder by now; a test writes none.
    if (host.runner || job.purpose === 'test') return;
    problems.push(...(await workDirProblems(job.fs, config)));
  },
};

/** Whether model and data suit each other, whatever hooks and runner there are. */
export const compareModelAndData: Builder = {
  name: 'modelOnData',
  needs: ['trainSet'],
  build({ dict, model, trainSet, problems }) {
    if (trainSet) problems.push(...checkModelOnData(dict, model, trainSet));
  },
};

/** `optimizer`, with its constructor. */
export const makeOptimizer: Builder = {
  name: 'optimizer',
  needs: ['model'],
  build(parts) {
    parts.optimizer = buildOptimizer(need(parts, 'model'), parts.dict.optimizer, parts.context);
  },
};

/** `runner`, with nobody listening yet. */
export const makeRunner: Builder = {
  name: 'runner',
  needs: ['model', 'optimizer'],
  build(parts) {
    const { dict, job, host, context } = parts;
    parts.runner = buildRunner(readRunnerCfg(dict), context.registries.RUNNERS, {
      ...(host.runner ?? DETACHED),
      model: need(parts, 'model'),
      optimizer: need(parts, 'optimizer'),
      fs: job.fs,
    });
    if (parts.itersPerEpoch === null) return;
    const { itersPerEpoch } = parts;
    parts.length = { ...runLength(parts.runner, itersPerEpoch), itersPerEpoch };
  },
};

/** Every hook of the config, in its place. */
export const makeHooks: Builder = {
  name: 'hooks',
  needs: ['runner'],
  async build(parts) {
    const { dict, context, host, valSet } = parts;
    const cfg = readEvaluation(dict);
    const evaluator =
      valSet && cfg
        ? await (host.makeEvaluator?.(need(parts, 'model'), valSet, parts) ?? EVALUATES_NOTHING)
        : null;
    registerRunHooks(need(parts, 'runner'), dict, context, cfg && evaluator ? { cfg, evaluator } : null);
  },
};

/** In this order: data before the model, so that a missing file is told before anything long. */
export const BUILDERS: readonly Builder[] = [
  importModules,
  readFlow,
  openTrainSet,
  openValSet,
  makeModel,
  findWeights,
  checkWorkDir,
  compareModelAndData,
  makeOptimizer,
  makeRunner,
  makeHooks,
];

function hasVal({ dict: { data } }: Parts): boolean {
  return isDict(data) && data.val !== undefined && data.val !== null;
}

const silent = (): void => undefined;

/** Of a runner that never runs. */
const DETACHED = {
  workDir: '',
  logger: { info: silent, warning: silent, error: silent, flush: () => Promise.resolve() },
  timestamp: '',
  control: new RunControl(),
} as const;
