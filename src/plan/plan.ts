// Config -> plan: what a run will be, as plain data, made without a GPU.

import {
  ASSUMED_ITERS_PER_EPOCH,
  type Plan,
  type PlannedDataset,
  type PlannedHook,
  type PlannedMemory,
} from '../contracts/plan.ts';
import type { Problem } from '../contracts/problem.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { FloatBuffer } from '../nn/index.ts';
import { assemble, type Assembly, type AssembleOptions } from './assemble.ts';
import { describeGroups, describeParameters } from './describeParameters.ts';
import { describeOwnSchedules } from './describeSchedules.ts';
import { describeCheckpoints, describeEvaluations } from './describeTimes.ts';
import { batchSizeOf, dataOf } from './loaders.ts';
import type { Parts, PlanJob } from './parts.ts';
import { openRunConfig } from './runConfig.ts';

/**
 * Plan the run of a config.
 * @returns a plan whatever is wrong: its problems say so, and what can't be built is null in it
 */
export async function planRun(job: PlanJob, options: AssembleOptions = {}): Promise<Plan> {
  const { config, problems } = await openRunConfig(job.fs, job.configPath, job.cfgOptions);
  if (!config) return unread(job, problems);
  const assembly = await assemble(job, config, options);
  try {
    return describePlan(assembly);
  } finally {
    assembly.dispose();
  }
}

/** Read a plan off the parts. */
export function describePlan({ parts, problems }: Assembly): Plan {
  const { config, dict, job, model, optimizer, runner, context, itersPerEpoch } = parts;
  const trained =
    model && optimizer
      ? {
          groups: describeGroups(parts, model, optimizer),
          parameters: describeParameters(parts, model, optimizer),
        }
      : {};
  // Behind the groups, which asking a policy changes.
  const schedules =
    model && optimizer
      ? describeOwnSchedules({
          dict,
          context,
          model,
          optimizer,
          itersPerEpoch: itersPerEpoch ?? ASSUMED_ITERS_PER_EPOCH,
        })
      : { ownLr: null, ownMomentum: null };
  return {
    ...unread(job, problems),
    name: config.name,
    config: config.config.prettyText(),
    seed: parts.seed,
    datasets: describeDatasets(parts),
    batchSize: batchSizeOf(dataOf(dict), true),
    model: model ? model.constructor.name : null,
    optimizer: optimizer ? optimizer.constructor.name : null,
    ...trained,
    workflow: parts.workflow ?? [],
    itersPerEpoch,
    itersProblem: itersPerEpoch === null ? dataProblem(problems) : null,
    length: parts.length,
    hooks: describeHooks(parts),
    checkpoints: runner && parts.length ? describeCheckpoints(runner.hooks, parts.length) : null,
    evaluations: runner && parts.length ? describeEvaluations(runner.hooks, parts.length) : null,
    memory: describeMemory(parts),
    ...schedules,
  };
}

/** What is known of a config that can't be read. */
function unread({ configPath, seed = 0 }: PlanJob, problems: readonly Problem[]): Plan {
  return {
    configPath,
    name: (configPath.split('/').at(-1) ?? configPath).replace(/\.\w+$/, ''),
    config: null,
    problems,
    seed,
    datasets: [],
    batchSize: 1,
    model: null,
    parameters: [],
    optimizer: null,
    groups: [],
    workflow: [],
    itersPerEpoch: null,
    itersProblem: null,
    length: null,
    hooks: [],
    checkpoints: null,
    evaluations: null,
    memory: null,
    secondsPerIter: null,
    ownLr: null,
    ownMomentum: null,
  };
}

function dataProblem(problems: readonly Problem[]): string | null {
  const first = problems.find(({ severity, path }) => severity === 'error' && !path?.startsWith('model'));
  return first?.message ?? null;
}

function describeDatasets({ trainSet, valSet }: Parts): PlannedDataset[] {
  const describe = (split: PlannedDataset['split'], dataset: Dataset): PlannedDataset => {
    let boxes = 0;
    for (let i = 0; i < dataset.length; i++) boxes += dataset.getAnnInfo(i).labels.length;
    const { length: pictures, CLASSES: classes } = dataset;
    return { split, type: dataset.constructor.name, pictures, boxes, classes };
  };
  return [...(trainSet ? [describe('train', trainSet)] : []), ...(valSet ? [describe('val', valSet)] : [])];
}

function describeHooks({ runner }: Parts): PlannedHook[] {
  return (runner?.hooks ?? []).map((hook) => ({
    name: hook.hookName,
    priority: runner?.priorityOf(hook) ?? 0,
    stages: hook.getTriggeredStages(),
  }));
}

function describeMemory({ model, optimizer, runner }: Parts): PlannedMemory | null {
  if (!model || !optimizer) return null;
  let parameters = 0;
  let gradients = 0;
  for (const { size, requiresGrad } of model.parameters()) {
    parameters += 4 * size;
    if (requiresGrad) gradients += 4 * size;
  }
  let buffers = (runner?.hooks ?? []).reduce((sum, hook) => sum + hook.gpuBytes({ optimizer }), 0);
  for (const [, buffer] of model.namedBuffers())
    if (buffer instanceof FloatBuffer) buffers += 4 * buffer.size;
  return { parameters, gradients, optimizerState: optimizer.stateBytes(), buffers };
}
