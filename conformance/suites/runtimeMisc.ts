// runtime_misc.json: hooks that change the training, and the small parts of the runtime around them.

import { compatCfg, encodeValue, replaceCfgVals } from '../../src/config/index.ts';
import { HOOKS, RUNNERS } from '../../src/registry/registries.ts';
import { buildRunner } from '../../src/runner/buildRunner.ts';
import { EpochBasedRunner } from '../../src/runner/epochBasedRunner.ts';
import { NumClassCheckHook } from '../../src/runner/hooks/numClassCheck.ts';
import { LogBuffer } from '../../src/runner/logBuffer.ts';
import '../../src/plan/registerAll.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { orError, runnerOptions, type MiscCase } from './miscCase.ts';
import { runRegistry } from './registryCases.ts';
import { runRunnerInit } from './runnerInit.ts';
import { runTraining, type TrainingCase } from './runtimeMiscRun.ts';
import { failed, passed, type ParityOutcome, type ParitySuite } from './types.ts';

export const suite: ParitySuite = {
  files: ['runtime_misc.json'],
  needsGpu: true,
  run: (fixture, file) => runCases(fixture, file, (one) => runCase(one as MiscCase)),
};

function runCase(one: MiscCase): ParityOutcome | Promise<ParityOutcome> {
  switch (one.kind) {
    case 'optimizer_hook':
    case 'ema':
    case 'checkloss':
      return runTraining(one as TrainingCase);
    case 'log_buffer':
      return runLogBuffer(one);
    case 'build_runner':
      return orError(one, () => {
        const built = buildRunner(plainDict(one.cfg), RUNNERS, runnerOptions());
        const { maxEpochs = null, maxIters = null } = built;
        return { cls: built.constructor.name, max_epochs: maxEpochs, max_iters: maxIters };
      });
    case 'runner_init':
      return runRunnerInit(one);
    case 'num_class_check':
      return runNumClassCheck(one);
    case 'registry':
      return runRegistry(one);
    case 'registry_names':
      return runRegistryNames(one);
    case 'replace_cfg_vals':
      return orError(one, () => encodeValue(replaceCfgVals(plainDict(one.cfg))));
    case 'compat_cfg':
      return orError(one, () => encodeValue(compatCfg(plainDict(one.cfg)).dict));
    default:
      return failed(`the kind '${String(one.kind)}' is not known`);
  }
}

function plainDict(value: unknown): Record<string, unknown> {
  return decodeValue(value) as Record<string, unknown>;
}

function runLogBuffer(one: MiscCase): ParityOutcome {
  const buffer = new LogBuffer();
  for (const [values, count] of one.updates as readonly (readonly [Record<string, number>, number])[])
    buffer.update(values, count);
  for (const [n, wanted] of Object.entries(one.averages_by_n as Record<string, Record<string, number>>)) {
    buffer.clearOutput();
    buffer.average(Number(n));
    const got = Object.fromEntries(buffer.output);
    if (Object.keys(got).join() !== Object.keys(wanted).join())
      return failed(`average(${n}): got ${Object.keys(got).join()}, wanted ${Object.keys(wanted).join()}`);
    const difference = diffNumbers(`average(${n})`, got, wanted, 1e-15);
    if (difference) return difference;
  }
  return passed;
}

function runNumClassCheck(one: MiscCase): Promise<ParityOutcome> {
  const CLASSES = decodeValue(one.CLASSES) as readonly string[] | null;
  const head = { className: String(one.head ?? 'Head'), numClasses: Number(one.head_num_classes) };
  const model = { ...runnerOptions().model, CLASSES, namedModules: () => [['bbox_head', head]] };
  const warnings: string[] = [];
  const options = runnerOptions();
  const logger = { ...options.logger, warning: (message: string) => void warnings.push(message) };
  const runner = new EpochBasedRunner({ ...options, model, logger });
  return orError({ ...one, out: warningCount(one.out) }, () => {
    new NumClassCheckHook().beforeTrainEpoch(runner);
    return warnings.length;
  });
}

function warningCount(out: unknown): number {
  return (out as { warnings?: readonly unknown[] } | undefined)?.warnings?.length ?? 0;
}

function runRegistryNames(one: MiscCase): ParityOutcome {
  const missing = (one.out as readonly string[]).filter((name) => !HOOKS.has(name));
  if (missing.length === 0) return passed;
  return failed(`the others are registered; not built: ${missing.join(', ')}`);
}
