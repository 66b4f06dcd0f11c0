// runtime_misc.json: hooks that change the training, and the small parts of the runtime around them.

import { compatCfg, encodeValue, replaceCfgVals } from '../../config/index.ts';
import { HOOKS, RUNNERS } from '../../registry/registries.ts';
import { Registry, splitScopeKey } from '../../registry/registry.ts';
import { BuildContext } from '../../registry/buildContext.ts';
import { buildFromCfg } from '../../registry/buildFromCfg.ts';
import { createRunRegistries } from '../../registry/registries.ts';
import { buildRunner } from '../../runner/buildRunner.ts';
import type { RunnerOptions } from '../../runner/baseRunner.ts';
import { EpochBasedRunner } from '../../runner/epochBasedRunner.ts';
import { NumClassCheckHook } from '../../runner/hooks/numClassCheck.ts';
import { LogBuffer } from '../../runner/logBuffer.ts';
import { createLogger } from '../../runner/logger.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import { Tuple } from '../../util/tuple.ts';
import '../registerAll.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { runTraining, type TrainingCase } from './runtimeMiscRun.ts';
import { failed, passed, skipped, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

interface MiscCase extends FixtureCase {
  readonly cfg?: unknown;
  readonly out?: unknown;
  readonly error?: { readonly type: string };
}

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
      return skipped(`${String(one.kind)} is not built yet`);
  }
}

function plainDict(value: unknown): Record<string, unknown> {
  return decodeValue(value) as Record<string, unknown>;
}

/** Compare what `make` gives with `out`; where the case has an error, it must throw. */
function orError(one: MiscCase, make: () => unknown): ParityOutcome {
  let got: unknown;
  try {
    got = make();
  } catch (error) {
    return one.error ? passed : failed(error instanceof Error ? error.message : String(error));
  }
  if (one.error) return failed(`wanted an error of type ${one.error.type}, got ${JSON.stringify(got)}`);
  return diffNumbers('out', got, one.out, 0) ?? passed;
}

function runnerOptions(): Omit<RunnerOptions, 'maxEpochs' | 'maxIters'> {
  const fs = createMemoryFs();
  const none = (): never => {
    throw new Error('not used');
  };
  return {
    model: { train: none, eval: none, trainStep: none, valStep: none },
    optimizer: null,
    fs,
    workDir: 'w',
    timestamp: 't',
    logger: createLogger(fs, 'w/t.log', () => undefined),
  };
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

async function runRunnerInit(one: MiscCase): Promise<ParityOutcome> {
  const options = runnerOptions();
  const description = String(one.description);
  const wrong: Readonly<Record<string, unknown>> | undefined = {
    'logger None': { logger: null },
    'optimizer is a string': { optimizer: 'SGD' },
    'meta is a list': { meta: [] },
    'run with max_epochs None': {},
    both: { batchProcessor: () => undefined },
  }[description];
  if (!wrong) return skipped(`not an option of our runners: ${description}`);
  try {
    const runner = new EpochBasedRunner({ ...options, ...wrong } as RunnerOptions);
    const loader = { length: 1, epoch: () => Promise.reject(new Error('not used')) as never };
    await runner.run([loader], [['train', 1]]);
  } catch {
    return one.error ? passed : failed('threw');
  }
  return failed(`wanted an error of type ${String(one.error?.type)}`);
}

function runNumClassCheck(one: MiscCase): ParityOutcome {
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
  return skipped(`the others are registered; not built: ${missing.join(', ')}`);
}

class A {
  readonly x: unknown;
  readonly y: unknown;
  constructor({ x = 1, y = 2 }: { x?: unknown; y?: unknown }) {
    this.x = x;
    this.y = y;
  }
}
class B {
  constructor() {
    throw new RangeError('bad n');
  }
}

/** A registry per package: `PX` lives in the parent mmroot, `QX` in its child mmkid, `SX` in the other one, mmsib. */
function scopedRegistries(): Record<'parent' | 'kid', Registry<unknown>> {
  const parent = new Registry<unknown>('models', undefined, undefined, { scope: 'mmroot' });
  const kid = new Registry<unknown>('models', parent, undefined, { scope: 'mmkid' });
  const sibling = new Registry<unknown>('models', parent, undefined, { scope: 'mmsib' });
  parent.registerModule()(class PX {});
  kid.registerModule()(class QX {});
  sibling.registerModule()(class SX {});
  return { parent, kid };
}

const SCOPE_CASES: Readonly<Record<string, () => unknown>> = {
  // The fixture tells how many names there were, and that C2 was one of two names of a class.
  'registry/len': () => namedRegistry().names().length,
  'registry/contains': () => ['A', 'B', 'C2'].map((name) => namedRegistry().has(name)),
  'registry/scopes': () => {
    const registries = scopedRegistries();
    const names = ['PX', 'QX', 'mmkid.QX', 'mmroot.PX', 'mmsib.SX', 'SX'];
    return Object.fromEntries(
      (['parent', 'kid'] as const).flatMap((which) =>
        names.map((name) => [`${which}.get(${name})`, registries[which].get(name) !== undefined]),
      ),
    );
  },
  'registry/unknown_scope_on_root': () => scopedRegistries().parent.get('nowhere.PX'),
  'registry/duplicate_scope': () => {
    const parent = new Registry<unknown>('models', undefined, undefined, { scope: 'root' });
    return [1, 2].map(() => new Registry<unknown>('models', parent, undefined, { scope: 'k' }));
  },
  'registry/build_func_inherited': () => {
    const buildFunc = (cfg: Readonly<Record<string, unknown>>): unknown => ['custom', cfg.x];
    const parent = new Registry<unknown>('models', undefined, undefined, { scope: 'root', buildFunc });
    const child = new Registry<unknown>('models', parent, undefined, { scope: 'k' });
    const options = { path: 'model', context: contextOf() };
    return [buildFromCfg({ x: 1 }, parent, options), buildFromCfg({ x: 2 }, child, options)];
  },
  'registry/split_scope': () =>
    ['a.B', 'B', 'a.b.C'].map((key) => encodeValue(Tuple.of(...splitScopeKey(key)))),
};

function namedRegistry(): Registry<unknown> {
  const registry = new Registry<unknown>('model');
  registry.registerModule()(A);
  registry.registerModule({ name: ['C1', 'C2'] })(class C {});
  registry.registerModule({ name: 'D' })(class D {});
  registry.registerModule({ name: 'E' })(class E {});
  // Again, by force: no name more.
  registry.registerModule({ name: 'E', force: true })(class F {});
  return registry;
}

function contextOf(): BuildContext {
  return new BuildContext(createRunRegistries(), {
    fs: createMemoryFs(),
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
}

/** The cases whose registry the description makes clear: `A(x=1, y=2)`, and B, whose constructor throws. */
function runRegistry(one: MiscCase): ParityOutcome {
  const registry = new Registry<unknown>('model');
  registry.registerModule()(A);
  const context = contextOf();
  const build = (cfg: unknown, defaultArgs?: Record<string, unknown>): unknown[] => {
    const { x, y } = buildFromCfg<unknown>(cfg, registry, { path: 'model', context, defaultArgs }) as A;
    return [x, y];
  };
  const cases: Readonly<Record<string, () => unknown>> = {
    'registry/build_default': () => build({ type: 'A' }),
    'registry/build_args': () => build({ type: 'A', x: 5 }),
    'registry/build_default_args': () => build({ type: 'A', x: 5 }, { x: 7, y: 8 }),
    'registry/cfg_not_mutated': () => {
      const cfg = { type: 'A', x: 1 };
      build(cfg);
      return cfg;
    },
    'registry/unknown_type': () => build({ type: 'Nope' }),
    'registry/no_type': () => build({ x: 1 }),
    'registry/type_int': () => build({ type: 3 }),
    'registry/ctor_raises': () => {
      registry.registerModule()(B);
      return build({ type: 'B' });
    },
    'registry/duplicate': () => registry.registerModule()(A),
    'registry/register_non_class': () => registry.registerModule()(3 as never),
    'registry/name_not_str': () => registry.registerModule({ name: 3 as never })(class C {}),
  };
  const run = cases[one.id] ?? SCOPE_CASES[one.id];
  if (!run) return skipped('not known what it describes');
  return orError(one, run);
}
