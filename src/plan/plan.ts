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
import { RunError, toErrorReport, TrainerError } from '../errors/trainerError.ts';
import { FloatBuffer } from '../nn/index.ts';
import { assemble, type Assembly, type AssembleOptions } from './assemble.ts';
import { describeGroups, describeParameters } from './describeParameters.ts';
import { describeOwnSchedules } from './describeSchedules.ts';
import { describeCheckpoints, describeEvaluations } from './describeTimes.ts';
import { batchSizeOf, dataOf } from './loaders.ts';
import type { Parts, PlanJob } from './parts.ts';
import { openRunConfig } from './runConfig.ts';
import { estimateTime } from './timeEstimate.ts';
import { turn } from '../util/turn.ts';

/**
 * Plan the run of a config.
 * @returns a plan whatever is wrong: its problems say so, and what can't be built or described is null or empty in it
 * @throws what `options.onBuild` throws
 */
export async function planRun(job: PlanJob, options: AssembleOptions = {}): Promise<Plan> {
  const { config, problems } = await openRunConfig(job.fs, job.configPath, job.cfgOptions, job.purpose);
  if (!config) return unread(job, problems);
  const assembly = await assemble(job, config, options);
  const sections = await describeSections(assembly);
  const time = await estimateTime(job.fs, config).catch((error: unknown) => assembly.addThrown(error));
  try {
    assembly.dispose();
  } catch (error) {
    assembly.addThrown(error);
  }
  const { parts } = assembly;
  return {
    ...unread(job, assembly.problems),
    name: config.name,
    config: config.config.prettyText(),
    seed: parts.seed,
    itersPerEpoch: parts.itersPerEpoch,
    itersProblem: parts.itersPerEpoch === null ? (assembly.whyMissing('trainSet')?.message ?? null) : null,
    length: parts.length,
    ...time,
    ...sections,
  };
}

/** A part of the plan that classes of the person's are asked for. */
interface Section {
  readonly what: string;
  read(): Partial<Plan>;
}

/** What can be read off the parts; what throws is a problem and left out. */
async function describeSections(assembly: Assembly): Promise<Partial<Plan>> {
  const { userModules } = assembly.parts;
  const { guard } = userModules;
  // What a module has left alone fails in a task of its own.
  await turn();
  const plan: Partial<Plan> = {};
  for (const { what, read } of sectionsOf(assembly.parts)) {
    const before = guard.tripped;
    const thrown: unknown[] = [];
    try {
      // It crosses between workers: what isn't plain data is told here.
      Object.assign(plan, structuredClone(read()));
    } catch (error) {
      thrown.push(error);
    }
    // A module may have caught it, or it was told in the section itself.
    const tripped = guard.tripped === before ? null : guard.tripped;
    if (tripped) assembly.addThrown(tripped);
    else if (thrown.length > 0) assembly.addThrown(named(userModules.locate(thrown[0]), what));
    // The guard counts from here anew.
    if (tripped) await turn();
  }
  return plan;
}

/** An error that says nothing of where it came up. */
function named(error: unknown, what: string): unknown {
  if (error instanceof TrainerError) return error;
  const { message } = toErrorReport(error);
  return new RunError(`${what} can't be told before the run: ${message}`, {
    code: 'not-described',
    cause: error,
  });
}

function sectionsOf(parts: Parts): Section[] {
  const { dict, model, optimizer, runner, context, itersPerEpoch, length } = parts;
  const sections: Section[] = [
    { what: 'the data', read: () => ({ datasets: describeDatasets(parts) }) },
    {
      what: 'the batch size',
      read: () => ({ batchSize: batchSizeOf(dataOf(dict), true), workflow: parts.workflow ?? [] }),
    },
    { what: 'the model', read: () => ({ model: model ? model.constructor.name : null }) },
    { what: 'the hooks', read: () => ({ hooks: describeHooks(parts) }) },
    { what: 'the memory', read: () => ({ memory: describeMemory(parts) }) },
  ];
  if (runner && length)
    sections.push({
      what: 'when is saved and evaluated',
      read: () => ({
        checkpoints: describeCheckpoints(runner, length),
        evaluations: describeEvaluations(runner, length),
      }),
    });
  if (!model || !optimizer) return sections;
  return [
    ...sections,
    { what: 'the optimizer', read: () => ({ optimizer: optimizer.constructor.name }) },
    {
      what: 'the parameter groups',
      read: () => ({ groups: describeGroups(parts, model, optimizer) }),
    },
    {
      what: 'the parameters',
      read: () => ({ parameters: describeParameters(parts, model, optimizer) }),
    },
    // Behind the groups, which asking a policy changes.
    {
      what: 'the schedules',
      read: () =>
        describeOwnSchedules({
          dict,
          context,
          model,
          optimizer,
          itersPerEpoch: itersPerEpoch ?? ASSUMED_ITERS_PER_EPOCH,
        }),
    },
  ];
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
    timedBy: null,
    ownLr: null,
    ownMomentum: null,
  };
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
