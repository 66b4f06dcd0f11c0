import { parseCfgOptions } from '../config/index.ts';
import type { Plan, PlannedTimes } from '../contracts/plan.ts';
import { problemLines } from '../contracts/problem.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import type { PlanJob } from '../plan/parts.ts';
import { planRun } from '../plan/plan.ts';
import { formatBytes } from '../util/formatBytes.ts';
import type { Arguments } from './arguments.ts';
import { typeChecker, type Tools } from './command.ts';
import { createNodeRoot } from './nodeRoot.ts';
import { watchStray } from './strayErrors.ts';

/** `tabtrain plan CONFIG`: what a run would be. @returns 2 when it has errors */
export async function runPlan(args: Arguments, tools: Tools): Promise<number> {
  const plan = await planOf(args, tools);
  console.log(args.has('json') ? JSON.stringify(plan) : describe(plan).join('\n'));
  return hasErrors(plan) ? 2 : 0;
}

/** `tabtrain check CONFIG`: every problem that can be known before training. @returns 2 when one is an error */
export async function runCheck(args: Arguments, tools: Tools): Promise<number> {
  const plan = await planOf(args, tools);
  if (args.has('json')) console.log(JSON.stringify(plan.problems));
  else console.log([...plan.problems.map(problemLines), summaryOf(plan)].join('\n'));
  return hasErrors(plan) ? 2 : 0;
}

function planOf(args: Arguments, tools: Tools): Promise<Plan> {
  const root = createNodeRoot(args.values('data'));
  const job: PlanJob = {
    fs: root.fs,
    decodeImage: decodeWithSharp,
    configPath: root.path(args.positional[0] ?? ''),
    cfgOptions: parseCfgOptions(args.values('cfg-options')),
    checkTypes: typeChecker(tools),
  };
  return planRun(job, { watchStray });
}

function hasErrors({ problems }: Plan): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

function summaryOf({ problems, configPath }: Plan): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return `${configPath}: ${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`;
}

function describe(plan: Plan): string[] {
  const { model, parameters, optimizer, groups, length, memory, hooks } = plan;
  const trained = parameters.filter(({ frozenBy, group }) => frozenBy === null && group !== null);
  const values = (list: readonly { readonly count: number }[]): number =>
    list.reduce((sum, { count: n }) => sum + n, 0);
  const lines = [
    ...plan.datasets.map(
      ({ split, type, pictures, boxes, classes }) =>
        `${split}: ${type}, ${count(pictures, 'picture')}, ${count(boxes, 'box', 'boxes')}, ${count(classes.length, 'class', 'classes')}: ${classes.join(', ')}`,
    ),
    model && `model: ${model}, ${values(parameters)} parameters, ${values(trained)} of them trained`,
    optimizer && `optimizer: ${optimizer}, ${count(groups.length, 'group')}`,
    length &&
      `length: ${count(length.maxEpochs, 'epoch')}, ${count(length.maxIters, 'iteration')} of ${count(plan.batchSize, 'picture')}`,
    timeText(plan),
    plan.checkpoints && `checkpoints: ${timesText(plan.checkpoints)}`,
    plan.evaluations && `evaluations: ${timesText(plan.evaluations)}`,
    memory && `memory: ${memoryText(memory)}, activations when the first step is planned`,
    hooks.length > 0 && `hooks: ${hooks.map(({ name, priority }) => `${name} (${priority})`).join(', ')}`,
    ...plan.problems.map(problemLines),
    summaryOf(plan),
  ];
  return lines.filter((line) => typeof line === 'string');
}

function timeText({ secondsPerIter, timedBy, length }: Plan): string | null {
  if (secondsPerIter === null || !length) return null;
  const minutes = Math.ceil((secondsPerIter * length.maxIters) / 60);
  const hours = Math.floor(minutes / 60);
  const about = hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  return `time: about ${about}, by the ${secondsPerIter} s per iteration of ${timedBy ?? 'an earlier run'}`;
}

function memoryText({ parameters, gradients, optimizerState, buffers }: NonNullable<Plan['memory']>): string {
  const state = optimizerState === null ? 'not known yet' : formatBytes(optimizerState);
  return `parameters ${formatBytes(parameters)}, gradients ${formatBytes(gradients)}, optimizer state ${state}, buffers ${formatBytes(buffers)}`;
}

/** Enough to see the rhythm. */
const SHOWN_TIMES = 6;

function timesText({ unit, at, count: times }: PlannedTimes): string {
  if (times === 0) return 'none';
  const begin = at[0] === 0 ? 'before the first iteration and ' : '';
  const later = at.filter((place) => place > 0);
  const shown = later.slice(0, SHOWN_TIMES).join(', ');
  return `${times}, ${begin}after ${unit} ${shown}${later.length > SHOWN_TIMES ? ', …' : ''}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
