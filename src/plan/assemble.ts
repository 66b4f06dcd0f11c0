// Config -> parts: reads the config, says everything that is wrong with it, and builds what can be built without a GPU.

import type { ConfigDict } from '../config/config.ts';
import { problemText, type Problem } from '../contracts/problem.ts';
import { TrainerError } from '../errors/trainerError.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { takeStrays, type WatchStray } from '../usercode/strayErrors.ts';
import type { UserModules } from '../usercode/userModules.ts';
import { autoScaleLr } from './autoScaleLr.ts';
import { BUILDERS, type Builder } from './builders.ts';
import { batchSizeOf, dataOf } from './loaders.ts';
import { locateError } from './locateError.ts';
import { createUserModules } from './ownModules.ts';
import type { Parts, PartsHost, PlanJob } from './parts.ts';
import { foundBy, locateProblem, PlanError, problemOf, sortProblems } from './problemOf.ts';
import { findConfigProblems } from './problems/index.ts';
import './registerCore.ts';
import type { RunConfig } from './runConfig.ts';
import { staticProblems } from './sections/sectionProblems.ts';
import { withoutUnused } from './unusedParts.ts';

export interface Assembly {
  readonly parts: Parts;
  /** What is known by now, errors first. */
  readonly problems: readonly Problem[];
  /** What the first builder that failed threw, with its place; null when all is built. */
  readonly failure: unknown;
  /** Add what the parts threw when they were asked for something. */
  addThrown(error: unknown): void;
  /** Why there is no such part: what its builder failed with, or the builder of a part that it needs; null: it is there. */
  whyMissing(builder: string): Problem | null;
  /** Frees the model and the optimizer. */
  dispose(): void;
}

export interface AssembleOptions {
  readonly host?: PartsHost;
  readonly seed?: number;
  /** Default {@link BUILDERS}. */
  readonly builders?: readonly Builder[];
  /** Told which builder is asked next; what it throws ends the assembling. */
  readonly onBuild?: (name: string) => Promise<void> | void;
  /** Told of the person's modules before anything of them runs. */
  readonly onModules?: (modules: UserModules) => void;
  /** What the modules throw unasked is a problem, until the parts are disposed. */
  readonly watchStray?: WatchStray;
}

/**
 * Build the parts of a config's run. A part that can't be built is a problem, and those that need it are left out.
 * @param config as `readRunConfig` gives it
 * @throws what `onBuild` throws, and nothing else
 */
export async function assemble(
  job: PlanJob,
  config: RunConfig,
  options: AssembleOptions = {},
): Promise<Assembly> {
  const { host = {}, builders = BUILDERS, onBuild, onModules, watchStray } = options;
  const { dict } = config;
  const seed = options.seed ?? job.seed ?? 0;
  const problems: Problem[] = [...config.problems];
  const userModules = createUserModules();
  onModules?.(userModules);
  let isAssembled = false;
  const warned = new Set<string>();
  const report = (problem: Problem): void => {
    // Where nothing runs there is no log to go on with.
    if (!isAssembled || !host.warn) problems.push(problem);
    else if (!warned.has(problem.message)) host.warn(problemText(problem));
    warned.add(problem.message);
  };
  const locate = (error: unknown): unknown => locateError(userModules.locate(error), dict);
  const ignoreStrays = takeStrays(watchStray, userModules, (error) => problems.push(problemOf(error, dict)));
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
    dict: scaledDict(job, dict, host, problems),
    seed,
    userModules,
    context,
    problems,
    workflow: null,
    trainSet: null,
    valSet: null,
    testSet: null,
    itersPerEpoch: null,
    model: null,
    optimizer: null,
    runner: null,
    length: null,
  };
  let failure: unknown = null;
  const failed = new Map<string, Problem>();
  let endedBy: Problem | null = null;
  const dispose = (): void => {
    ignoreStrays();
    disposeParts(parts);
  };
  try {
    for (const builder of builders) {
      const missing = builder.needs.find((name) => parts[name] === null);
      if (missing !== undefined) {
        const cause = failed.get(missing);
        if (cause) failed.set(builder.name, cause);
        continue;
      }
      await onBuild?.(builder.name);
      const known = problems.length;
      try {
        await builder.build(parts);
        userModules.guard.throwTripped();
      } catch (error) {
        // What a module threw may be a mere consequence of what it caught.
        const located = locate(userModules.guard.tripped ?? error);
        // A value of the wrong kind has been reported: what stumbles over it later adds nothing.
        const followed =
          located instanceof TrainerError
            ? undefined
            : (problems.slice(known).find(isError) ?? problems.find(isError));
        const problem = followed ?? problemOf(located, dict);
        failed.set(builder.name, problem);
        if (followed) continue;
        failure ??= located;
        problems.push(problem);
        // Without its classes nothing of the config means what it says.
        if (builder.name !== 'modules' && !userModules.guard.tripped) continue;
        endedBy = problem;
        break;
      }
      if (builder.name === 'modules')
        problems.push(...foundBy(() => staticProblems(parts.dict, userModules.registries), dict));
    }
  } catch (error) {
    try {
      dispose();
    } catch {
      // What ended the assembling is the one to show.
    }
    throw error;
  }
  const { itersPerEpoch } = parts;
  if (itersPerEpoch !== null)
    problems.push(...foundBy(() => findConfigProblems(dict, { itersPerEpoch, ...parts.length }), dict));
  isAssembled = true;
  return {
    parts,
    get problems() {
      const placed = problems.map((problem) => locateProblem(problem, dict));
      return sortProblems(withoutUnused(placed, dict, job.purpose ?? 'train'));
    },
    failure,
    addThrown: (error) => void problems.push(problemOf(locate(error), dict)),
    whyMissing: (name) => failed.get(name) ?? endedBy,
    dispose,
  };
}

/**
 * Tell the warnings, and end with the first error.
 * @param warn gets each warning with its place and hint
 * @throws what the first builder that failed threw, else PlanError
 */
export function throwFirstError({ problems, failure }: Assembly, warn: (message: string) => void): void {
  for (const problem of problems) if (problem.severity === 'warning') warn(problemText(problem));
  if (failure !== null) throw failure;
  throwError(problems);
}

/** @throws PlanError for the first error among problems */
export function throwError(problems: readonly Problem[]): void {
  const first = problems.find(isError);
  if (first) throw new PlanError(first);
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** The config's dict with its learning rate scaled; as it is where that fails. */
function scaledDict(job: PlanJob, dict: ConfigDict, host: PartsHost, problems: Problem[]): ConfigDict {
  const info = host.info ?? ((): void => undefined);
  try {
    return autoScaleLr(dict, batchSizeOf(dataOf(dict), true), info, job.autoScaleLr);
  } catch (error) {
    problems.push(problemOf(error, dict));
    return dict;
  }
}

/** @throws what a person's class throws there, when all is freed */
function disposeParts({ runner, optimizer, model }: Parts): void {
  const steps = [
    () => runner?.releaseStep(),
    () => runner?.logBuffer.clear(),
    // Gradients of unfinished accumulation, or of a step that failed.
    () => optimizer?.zeroGrad(),
    () => optimizer?.dispose(),
    () => model?.dispose(),
  ];
  const thrown: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}
