// hook_order.json: who is called when, what files there are, and what the log says. Runs the real runners with hooks
// that record.

import { isDict } from '../../src/lang/plain.ts';
import { snakeToCamel } from '../../src/registry/argNames.ts';
import { EvalHook, type Evaluator } from '../../src/runner/hooks/evaluation.ts';
import { Hook, type Stage } from '../../src/runner/hooks/hook.ts';
import { TextLoggerHook } from '../../src/runner/hooks/logger/text.ts';
import { inferRule } from '../../src/runner/hooks/saveBest.ts';
import { getPriority } from '../../src/runner/priority.ts';
import '../../src/plan/registerAll.ts';
import { readRecords } from '../../src/serialization/index.ts';
import { Tuple } from '../../src/util/tuple.ts';
import { readWorkflow } from '../../src/plan/runnerConfig.ts';
import { decodeValue, runCases } from './compare.ts';
import { runCheckpoint, runSaveBest } from './hookOrderFiles.ts';
import {
  allOf,
  compare,
  makeContext,
  makeRig,
  recordingHook,
  registerEvaluation,
  registerLoggers,
  registerTimer,
  type Header,
  type Rig,
  type RunCase,
} from './hookOrderRig.ts';
import { runTrainingHooks, runTriggeredAll } from './hookOrderTable.ts';
import { judgeThrown, notRaised, type ExceptionCodes } from './raised.ts';
import { failed, passed, type FixtureFile, type ParityOutcome, type ParitySuite } from './types.ts';

export const suite: ParitySuite = {
  files: ['hook_order.json'],
  needsGpu: true,
  run: (fixture: FixtureFile, file: string) => {
    const header = fixture as unknown as Header;
    return runCases(fixture, file, (one) => runCase(one as RunCase, header));
  },
};

/** What a Python exception is with us. */
const CODES: ExceptionCodes = {
  AssertionError: ['bad-workflow', 'not-a-hook', 'bad-type'],
  KeyError: [
    'unknown-type',
    'unknown-metric',
    'unknown-rule',
    'missing-type',
    'missing-argument',
    'bad-priority',
  ],
  TypeError: [
    'bad-workflow',
    'bad-priority',
    'bad-type',
    'unknown-argument',
    'missing-argument',
    'not-a-dict',
  ],
  ValueError: ['bad-workflow', 'bad-priority', 'bad-value', 'duplicate-hook', 'unknown-rule'],
};

function runCase(one: RunCase, header: Header): ParityOutcome | Promise<ParityOutcome> {
  switch (one.kind) {
    case 'trace':
      return runTrace(one);
    case 'run_error':
      return runRunError(one);
    case 'order':
      return runOrder(one);
    case 'order_error':
      return runOrderError(one);
    case 'priority_values':
      return runPriorities(one);
    case 'register_training_hooks':
      return orRaised(one, () => runTrainingHooks(one));
    case 'triggered_stages':
      return runTriggeredAll(one);
    case 'triggered_custom':
      return runTriggered(one);
    case 'rule_inference':
      return runRules(one);
    case 'eval':
    case 'eval_mmdet_dynamic':
      return runEval(one);
    case 'eval_args':
      return runEvalArgs(one);
    case 'save_best':
      return runSaveBest(one);
    case 'checkpoint':
      return runCheckpoint(one);
    case 'log':
      return runLog(one, header);
    case 'log_eval':
      return runLogEval(one);
    default:
      return failed(`the kind '${String(one.kind)}' is not known`);
  }
}

/** Judge what a run throws; where the case has an error, it must throw. */
async function orRaised(
  one: RunCase,
  run: () => ParityOutcome | Promise<ParityOutcome>,
): Promise<ParityOutcome> {
  let outcome: ParityOutcome;
  try {
    outcome = await run();
  } catch (error) {
    return judgeThrown(error, one, CODES);
  }
  return one.error ? notRaised(one) : outcome;
}

async function runTrace(one: RunCase): Promise<ParityOutcome> {
  const trace: unknown[] = [];
  const rig = makeRig(one);
  const hooks = one.hooks as readonly { name: string; methods: readonly string[]; priority: unknown }[];
  for (const { name, methods, priority } of hooks)
    rig.runner.registerHook(recordingHook(name, methods, trace), priority);
  await rig.run();
  const { epoch, iter, innerIter } = rig.runner;
  const final = one.out?.final as { epoch: number; iter: number; inner_iter: number };
  return allOf(
    compare('trace', trace, one.out?.trace),
    compare('final position', [epoch, iter, innerIter], [final.epoch, final.iter, final.inner_iter]),
  );
}

/** The run must be refused; `workflow: 'list'` stands for entries that are lists instead of tuples. */
function runRunError(one: RunCase): Promise<ParityOutcome> {
  const raw: unknown = one.workflow;
  const config =
    raw === 'list' ? [['train', 1]] : (raw as unknown[][]).map((entry) => Tuple.of<unknown>(...entry));
  const rig = makeRig({ ...one, workflow: undefined });
  const loaders = Array.from({ length: Number(one.number_of_loaders) }, () => rig.loaders).flat();
  return orRaised(one, async () => {
    try {
      await rig.runner.run(loaders, readWorkflow(config));
    } finally {
      rig.runner.logBuffer.clear();
    }
    return passed;
  });
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

/** The note tells what is registered: the same hook twice, or no hook; a priority may be given. */
function runOrderError(one: RunCase): Promise<ParityOutcome> {
  const { runner } = makeRig(one);
  const note = String(one.note);
  const hook = /non-Hook|not a hook/i.test(note) ? ({} as Hook) : recordingHook('a', [], []);
  const { priority = 'NORMAL' } = one;
  return orRaised(one, () => {
    for (let n = 0; n < (/twice/.test(note) ? 2 : 1); n++) runner.registerHook(hook, decodeValue(priority));
    return passed;
  });
}

function runPriorities(one: RunCase): ParityOutcome {
  for (const [text, wanted] of Object.entries(one.out ?? {})) {
    // JSON's 50.0 is JavaScript's 50: a float can't be told from an integer here.
    if (/^-?\d+\.0+$/.test(text)) continue;
    // Python's True is 1.
    const number = typeof wanted === 'boolean' ? Number(wanted) : wanted;
    const outcome = compareOrRaised(`priority ${text}`, () => getPriority(JSON.parse(text)), number);
    if (outcome.status !== 'passed') return outcome;
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
    const outcome = compareOrRaised(`rule of ${key}`, () => inferRule(key, {}), wanted);
    if (outcome.status !== 'passed') return outcome;
  }
  return passed;
}

/** @param wanted a value, or `{error: 'KeyError'}` */
function compareOrRaised(what: string, run: () => unknown, wanted: unknown): ParityOutcome {
  const type = isDict(wanted) ? wanted.error : undefined;
  const expected = type === undefined ? {} : { error: { type } };
  let got: unknown;
  try {
    got = run();
  } catch (error) {
    return judgeThrown(error, expected, CODES);
  }
  return type === undefined ? compare(what, got, wanted) : notRaised(expected);
}

async function runEval(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  const { at } = registerEvaluation(rig, one);
  await rig.run();
  return compare('evaluations_at', at, one.out?.evaluations_at);
}

function runEvalArgs(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  return orRaised(one, async () => {
    try {
      if (one.eval_kwargs === undefined) new EvalHook([] as unknown as Evaluator, {}, {});
      registerEvaluation(rig, one);
      await rig.run();
    } finally {
      rig.runner.logBuffer.clear();
    }
    return passed;
  });
}

function runLog(one: RunCase, header: Header): Promise<ParityOutcome> {
  const rig = makeRig(one, header);
  const context = makeContext(rig);
  if (one.optimizer_config) {
    const optimizer = context.build<Hook>('HOOKS', one.optimizer_config, 'optimizer_config', {
      type: 'OptimizerHook',
    });
    rig.runner.registerHook(optimizer, 'ABOVE_NORMAL');
  }
  registerTimer(rig, context);
  return orRaised(one, async () => {
    registerLoggers(rig, context, one.log_config);
    await rig.run();
    return one.error ? passed : compareLog(rig, one);
  });
}

async function runLogEval(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  const context = makeContext(rig);
  registerTimer(rig, context);
  registerLoggers(rig, context, one.with_logger);
  const { at } = registerEvaluation(rig, one);
  await rig.run();
  return allOf(compare('evaluations_at', at, one.out?.evaluations_at), await compareLog(rig, one));
}

async function compareLog(rig: Rig, one: RunCase): Promise<ParityOutcome> {
  const path = TextLoggerHook.jsonLogPath(rig.runner);
  // Null without a TextLoggerHook, as in the fixture.
  const text = (await rig.fs.stat(path)) ? await rig.fs.readText(path) : 'null';
  const lines = text.trim().split('\n');
  const json = text === 'null' ? null : lines.map((line): unknown => JSON.parse(line));
  const rawMeta = (one.out?.json_log_raw_first_lines as readonly unknown[] | null | undefined)?.at(0);
  // What a run starts with names the machine and the folder.
  const console = rig.lines.filter((line) => !/^(Start running|Hooks will be)/.test(line));
  return allOf(
    compare('json log', json, one.out?.json_log_lines),
    // How it is spelt; a record may have a float that Python writes as 1.0.
    rawMeta === undefined ? passed : compare('raw meta', lines.at(0), rawMeta),
    compare('console', console, one.out?.console_lines),
    one.out?.tensorboard === undefined
      ? passed
      : compare('tensorboard', await readScalars(rig), asFloat32(one.out.tensorboard)),
  );
}

/** What a run's event files hold, as the fixture tells it: the folder, then the scalars. */
async function readScalars({ fs, runner }: Rig): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { name } of await fs.list(`${runner.workDir}/tf_logs`)) {
    found.push(['open', 'tf_logs']);
    const { events } = readRecords(await fs.readFile(`${runner.workDir}/tf_logs/${name}`));
    for (const { step, value } of events)
      if (value?.kind === 'scalar') found.push(['scalar', value.tag, value.value, step]);
    found.push(['close']);
  }
  return found;
}

/** Event files hold float32. */
function asFloat32(calls: unknown): unknown {
  return (calls as readonly (readonly unknown[])[]).map((call) =>
    call.map((entry, i) => (i === 2 && typeof entry === 'number' ? Math.fround(entry) : entry)),
  );
}
