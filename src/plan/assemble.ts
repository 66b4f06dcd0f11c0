// Config -> parts: reads the config, says everything that is wrong with it, and builds what can be built without a GPU.

import type { ConfigDict } from '../config/config.ts';
import { problemText, type Problem } from '../contracts/problem.ts';
import { TrainerError } from '../errors/trainerError.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { autoScaleLr } from './autoScaleLr.ts';
import { BUILDERS, type Builder } from './builders.ts';
import { batchSizeOf, dataOf } from './loaders.ts';
import { locateError } from './locateError.ts';
import { createUserModules } from './ownModules.ts';
import type { Parts, PartsHost, PlanJob } from './parts.ts';
import { locateProblem, problemOf, sortProblems } from './problemOf.ts';
import { findConfigProblems } from './problems/index.ts';
import './registerAll.ts';
import type { RunConfig } from './runConfig.ts';
import { staticProblems } from './sections/sectionProblems.ts';
import type { UserModules } from '../usercode/userModules.ts';

export interface Assembly {
  readonly parts: Parts;
  /** Errors first. */
  readonly problems: readonly Problem[];
  /** What the first builder that failed threw, with its place; null when all is built. */
  readonly failure: unknown;
  /** Frees the model and the optimizer. */
  dispose(): void;
}

export interface AssembleOptions {
  readonly host?: PartsHost;
  readonly seed?: number;
  /** Default {@link BUILDERS}. */
  readonly builders?: readonly Builder[];
  /** Told which builder is asked next. */
  readonly onBuild?: (name: string) => Promise<void> | void;
  /** Told of the person's modules before anything of them runs. */
  readonly onModules?: (modules: UserModules) => void;
}

/**
 * Build the parts of a config's run. A part that can't be built is a problem, and those that need it are left out.
 * @param config as `readRunConfig` gives it
 */
export async function assemble(
  job: PlanJob,
  config: RunConfig,
  options: AssembleOptions = {},
): Promise<Assembly> {
  const { host = {}, builders = BUILDERS, onBuild } = options;
  const seed = options.seed ?? job.seed ?? 0;
  const problems: Problem[] = [...config.problems];
  const userModules = createUserModules();
  options.onModules?.(userModules);
  let isAssembled = false;
  const report = (problem: Problem): void => {
    if (!isAssembled) problems.push(problem);
    else if (!warned.has(problem.message)) host.warn?.(problemText(problem));
    warned.add(problem.message);
  };
  const warned = new Set<string>();
  const context = new BuildContext(userModules.registries, {
    ...host.services,
    fs: job.fs,
    decodeImage: job.decodeImage,
    seed,
    warn: (message) => report({ severity: 'warning', code: 'warning', message }),
    report,
  });
  const parts: Parts = {
    job,
    host,
    config,
    dict: scaledDict(job, config, host),
    seed,
    userModules,
    context,
    problems,
    workflow: null,
    trainSet: null,
    valSet: null,
    itersPerEpoch: null,
    model: null,
    optimizer: null,
    runner: null,
    length: null,
  };
  const { dict } = config;
  let failure: unknown = null;
  for (const builder of builders) {
    if (builder.needs.some((name) => parts[name] === null)) continue;
    await onBuild?.(builder.name);
    try {
      await builder.build(parts);
      userModules.guard.throwTripped();
      if (builder.name === 'modules') problems.push(...staticProblems(parts.dict, userModules.registries));
    } catch (error) {
      // What a module threw may be a mere consequence of what it caught.
      const located = locateError(userModules.guard.tripped ?? userModules.locate(error), dict);
      // A value of the wrong kind has been reported: what stumbles over it later adds nothing.
      const isFollowUp = !(located instanceof TrainerError) && problems.some(isError);
      if (!isFollowUp) failure ??= located;
      if (!isFollowUp) problems.push(problemOf(located, dict));
      // Without its classes nothing of the config means what it says.
      if (builder.name === 'modules' || userModules.guard.tripped) break;
    }
  }
  const { itersPerEpoch } = parts;
  if (itersPerEpoch !== null) problems.push(...findConfigProblems(dict, { itersPerEpoch, ...parts.length }));
  isAssembled = true;
  return {
    parts,
    get problems() {
      return sortProblems(problems.map((problem) => locateProblem(problem, dict)));
    },
    failure,
    dispose: () => disposeParts(parts),
  };
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

function scaledDict(job: PlanJob, { dict }: RunConfig, host: PartsHost): ConfigDict {
  const info = host.info ?? ((): void => undefined);
  return autoScaleLr(dict, batchSizeOf(dataOf(dict), true), info, job.autoScaleLr);
}

function disposeParts({ runner, optimizer, model }: Parts): void {
  runner?.releaseStep();
  runner?.logBuffer.clear();
  // Gradients of unfinished accumulation, or of a step that failed.
  optimizer?.zeroGrad();
  optimizer?.dispose();
  model?.dispose();
}
