// hook_order.json: who is called when, and what the log says. Runs the real runner with hooks that record.

import { BuildContext } from '../../registry/buildContext.ts';
import { createRunRegistries } from '../../registry/registries.ts';
import type {
  BaseRunner,
  BatchLoader,
  RunnableModel,
  StepOutputs,
  Workflow,
} from '../../runner/baseRunner.ts';
import { EpochBasedRunner } from '../../runner/epochBasedRunner.ts';
import { EvalHook } from '../../runner/hooks/evaluation.ts';
import { Hook, type Stage } from '../../runner/hooks/hook.ts';
import { IterTimerHook } from '../../runner/hooks/iterTimer.ts';
import { TextLoggerHook } from '../../runner/hooks/logger/text.ts';
import { inferRule } from '../../runner/hooks/saveBest.ts';
import { createLogger } from '../../runner/logger.ts';
import { getPriority } from '../../runner/priority.ts';
import { snakeToCamel } from '../../registry/argSpec.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { FileSystem } from '../../util/fileSystem.ts';
import { decodeValue, runCases } from './compare.ts';
import {
  failed,
  passed,
  skipped,
  type FixtureCase,
  type FixtureFile,
  type ParityOutcome,
  type ParitySuite,
} from './types.ts';

interface Header {
  readonly train_log_vars: readonly Record<string, number>[];
  readonly train_num_samples_cycle: readonly number[];
  readonly val_log_vars: readonly Record<string, number>[];
  readonly val_num_samples_cycle: readonly number[];
}

interface RunCase extends FixtureCase {
  readonly runner?: string;
  readonly max_epochs?: number;
  readonly train_len?: number;
  readonly val_len?: number;
  readonly lr?: number;
  readonly workflow?: readonly [string, number][];
  readonly resume?: readonly [number, number];
  readonly out?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly type: string };
}

export const suite: ParitySuite = {
  files: ['hook_order.json'],
  needsGpu: true,
  run: (fixture: FixtureFile, file: string) => {
    const header = fixture as unknown as Header;
    return runCases(fixture, file, (one) => runCase(one as RunCase, header));
  },
};

function runCase(one: RunCase, header: Header): ParityOutcome | Promise<ParityOutcome> {
  if (one.runner === 'IterBasedRunner') return skipped('IterBasedRunner is not built yet');
  switch (one.kind) {
    case 'trace':
      return runTrace(one);
    case 'order':
      return runOrder(one);
    case 'priority_values':
      return runPriorities(one);
    case 'triggered_custom':
      return runTriggered(one);
    case 'rule_inference':
      return runRules(one);
    case 'eval':
      return runEval(one);
    case 'log':
      return runLog(one, header);
    default:
      return skipped(`${String(one.kind)} is not built yet`);
  }
}

// --- the pieces of a run -----------------------------------------------------------------------------------

function countingLoader(length: number): BatchLoader {
  return {
    length,
    async *epoch(_epoch, start = 0) {
      for (let i = start; i < length; i++) yield i;
    },
  };
}

/** A model whose losses come from a list, one after the other. */
class ListedModel implements RunnableModel {
  readonly #header: Header | null;
  #train = 0;
  #val = 0;

  constructor(header: Header | null) {
    this.#header = header;
  }
  train(): void {
    // Nothing depends on the mode.
  }
  eval(): void {
    // Nothing depends on the mode.
  }
  trainStep(): StepOutputs {
    const at = this.#train++;
    const header = this.#header;
    return header
      ? step(header.train_log_vars, header.train_num_samples_cycle, at)
      : step([{ loss: 1 }], [1], 0);
  }
  valStep(): StepOutputs {
    const at = this.#val++;
    const header = this.#header;
    return header ? step(header.val_log_vars, header.val_num_samples_cycle, at) : step([{ loss: 1 }], [1], 0);
  }
}

function step(vars: readonly Record<string, number>[], samples: readonly number[], at: number): StepOutputs {
  const values = vars[at % vars.length];
  const names = Object.keys(values);
  return { logVars: { names, values: Object.values(values) }, numSamples: samples[at % samples.length] };
}

interface Rig {
  readonly runner: EpochBasedRunner;
  readonly fs: FileSystem;
  readonly lines: string[];
  run(): Promise<void>;
}

function makeRig(one: RunCase, header: Header | null = null): Rig {
  const fs = createMemoryFs();
  const lines: string[] = [];
  const runner = new EpochBasedRunner({
    model: new ListedModel(header),
    optimizer: null,
    fs,
    workDir: 'exp',
    timestamp: 't',
    maxEpochs: one.max_epochs,
    logger: createLogger(fs, 'exp/t.log', (event) => {
      if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - INFO - /s, ''));
    }),
  });
  const workflow: Workflow = one.workflow ?? [['train', 1]];
  const loaders = workflow.map(([mode]) =>
    countingLoader((mode === 'val' ? one.val_len : one.train_len) ?? 1),
  );
  return {
    runner,
    fs,
    lines,
    run: async () => {
      await runner.run(loaders, workflow);
      await runner.logger.flush();
      runner.logBuffer.clear();
    },
  };
}

/** Compare as JSON; of two lists, name the first entries that differ. */
function compare(what: string, got: unknown, wanted: unknown): ParityOutcome {
  const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
  if (text(got) === text(wanted)) return passed;
  if (Array.isArray(got) && Array.isArray(wanted)) {
    const at = wanted.findIndex((entry, i) => text(entry) !== text(got[i]));
    const where = at === -1 ? wanted.length : at;
    return failed(`${what}[${where}]: got ${text(got[where])}, wanted ${text(wanted[where])}`);
  }
  return failed(`${what}: got ${text(got)}, wanted ${text(wanted)}`);
}

// --- the kinds ---------------------------------------------------------------------------------------------

function recordingHook(name: string, methods: readonly string[], trace: unknown[]): Hook {
  class Recording extends Hook {}
  const hook = new Recording();
  for (const method of methods) {
    const record = (runner: BaseRunner): void => {
      const mode = method === 'before_run' ? null : runner.mode;
      trace.push([name, method, mode, runner.epoch, runner.iter, runner.innerIter]);
    };
    Object.assign(hook, { [snakeToCamel(method)]: record });
  }
  return hook;
}

async function runTrace(one: RunCase): Promise<ParityOutcome> {
  const trace: unknown[] = [];
  const rig = makeRig(one);
  const hooks = one.hooks as readonly { name: string; methods: readonly string[]; priority: unknown }[];
  for (const { name, methods, priority } of hooks)
    rig.runner.registerHook(recordingHook(name, methods, trace), priority);
  await rig.run();
  return compare('trace', trace, one.out?.trace);
}

function runOrder(one: RunCase): ParityOutcome {
  const { runner } = makeRig(one);
  const names = new Map<Hook, [string, number]>();
  for (const { name, priority } of one.registrations as readonly { name: string; priority: unknown }[]) {
    const hook = recordingHook(name, [], []);
    names.set(hook, [name, getPriority(priority)]);
    runner.registerHook(hook, priority);
  }
  return compare(
    'order',
    runner.hooks.map((hook) => names.get(hook)),
    one.out?.order,
  );
}

function runPriorities(one: RunCase): ParityOutcome {
  for (const [text, wanted] of Object.entries(one.out ?? {})) {
    // JSON's 50.0 is JavaScript's 50: a float can't be told from an integer here.
    if (text === '50.0') continue;
    let got: unknown;
    try {
      got = getPriority(JSON.parse(text));
    } catch {
      got = 'error';
    }
    const expected = typeof wanted === 'object' ? 'error' : Number(wanted);
    if (got !== expected) return failed(`priority ${text}: got ${String(got)}, wanted ${String(expected)}`);
  }
  return passed;
}

function runTriggered(one: RunCase): ParityOutcome {
  const methods = one.methods as readonly string[];
  const body = Object.fromEntries(methods.map((m) => [snakeToCamel(m), () => undefined]));
  class Custom extends Hook {}
  Object.assign(Custom.prototype, body);
  const stages = new Custom().getTriggeredStages();
  const wanted = (one.out as unknown as readonly string[]).map((s) => snakeToCamel(s) as Stage);
  return compare('stages', stages, wanted);
}

function runRules(one: RunCase): ParityOutcome {
  for (const [key, wanted] of Object.entries(one.out ?? {})) {
    let got: string;
    try {
      got = inferRule(key, {});
    } catch {
      got = 'error';
    }
    const expected = typeof wanted === 'string' ? wanted : 'error';
    if (got !== expected) return failed(`rule of ${key}: got ${got}, wanted ${expected}`);
  }
  return passed;
}

async function runEval(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  const at: unknown[] = [];
  const kwargs = decodeValue(one.eval_kwargs) as Record<string, unknown>;
  const args = Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [snakeToCamel(k), v]));
  let phase = '';
  const evaluator = {
    length: one.val_len ?? 1,
    evaluate: () => {
      at.push([rig.runner.epoch, rig.runner.iter, rig.runner.innerIter, phase]);
      return Promise.resolve({ metrics: { acc: 1 }, perClass: [], predictions: [] });
    },
  };
  const watcher = recordingHook('w', [], []);
  for (const name of ['before_train_epoch', 'after_train_epoch', 'after_train_iter']) {
    Object.assign(watcher, { [snakeToCamel(name)]: () => void (phase = name) });
  }
  rig.runner.registerHook(watcher, 'HIGHEST');
  rig.runner.registerHook(new EvalHook(evaluator, args, {}), 'LOW');
  if (one.resume) rig.runner.restorePosition({ epoch: one.resume[0], iter: one.resume[1], innerIter: 0 });
  await rig.run();
  return compare('evaluations_at', at, one.out?.evaluations_at);
}

async function runLog(one: RunCase, header: Header): Promise<ParityOutcome> {
  const cfg = one.log_config as { interval: number; hooks: readonly Record<string, unknown>[] };
  if (cfg.hooks.some((h) => h.type !== 'TextLoggerHook' && one.error === undefined))
    return skipped('the other loggers are not built yet');
  if (one.optimizer_config) return skipped('needs the fixture model of MMCV');
  const rig = makeRig(one, header);
  const context = new BuildContext(createRunRegistries(), {
    fs: rig.fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
  // The header's clock: each read is an eighth of a second later.
  let time = 100;
  rig.runner.registerHook(new IterTimerHook({}, context, () => (time += 0.125)), 'LOW');
  // The fixture's optimizer has one group with a constant lr.
  rig.runner.currentLr = () => [one.lr ?? 0.01];
  try {
    for (const [i, hook] of cfg.hooks.entries()) {
      const built = context.build<Hook>('HOOKS', hook, `log_config.hooks[${i}]`, { interval: cfg.interval });
      rig.runner.registerHook(built, 'VERY_LOW');
    }
  } catch (error) {
    return one.error ? passed : failed(String(error));
  }
  if (one.error) return failed(`wanted an error of type ${one.error.type}`);
  await rig.run();
  const text = await rig.fs.readText(TextLoggerHook.jsonLogPath(rig.runner));
  const json = text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const json0 = compare('json log', json, one.out?.json_log_lines);
  if (json0.status !== 'passed') return json0;
  const console = rig.lines.filter((line) => /^(Epoch|Iter|workflow|Exp name)/.test(line));
  return compare('console', console, one.out?.console_lines);
}
