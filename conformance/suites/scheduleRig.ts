// A real run without optimizer steps: a runner, an optimizer and the hooks of lr_config and momentum_config, with a hook behind
// them that notes what they set.

import { setSource } from '../../src/lang/sourceMap.ts';
import { Parameter } from '../../src/nn/index.ts';
import type { Optimizer } from '../../src/optim/index.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import type { BaseRunner } from '../../src/runner/baseRunner.ts';
import type { BatchLoader, RunnableModel, StepOutputs, Workflow } from '../../src/runner/runnerTypes.ts';
import { EpochBasedRunner } from '../../src/runner/epochBasedRunner.ts';
import { Hook } from '../../src/runner/hooks/hook.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import { createLogger } from '../../src/runner/logger.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { groupMomentum } from '../../src/schedules/momentumSchedule.ts';
import { buildLrHook, buildMomentumHook } from '../../src/plan/scheduleHooks.ts';
import { decodeValue } from './compare.ts';
import type { FixtureCase } from './types.ts';

/** What the fixture tells of an optimizer: `group` i overrides the defaults. */
export interface OptimizerCfg {
  readonly type: string;
  readonly groups: readonly Readonly<Record<string, unknown>>[];
  readonly [option: string]: unknown;
}

/** What cases with one and with several optimizers share. */
export interface ScheduleSetting extends FixtureCase {
  readonly runner: string;
  readonly iters_per_epoch: number;
  readonly max_epochs?: number;
  readonly max_iters?: number;
  readonly lr_config: unknown;
  readonly momentum_config?: unknown;
  /** True where IterBasedRunner's own register_training_hooks was used. */
  readonly iter_defaults?: boolean;
  readonly workflow?: Workflow;
  readonly resume?: {
    readonly epoch: number;
    readonly iter: number;
    readonly groups: readonly Readonly<Record<string, unknown>>[];
  };
}

export interface ScheduleCase extends ScheduleSetting {
  readonly optimizer: OptimizerCfg;
}

/** As the fixture's `out`. */
export interface Series {
  readonly position_epoch_iter_inner: number[][];
  readonly lr: number[][];
  readonly momentum: unknown[][];
  readonly final_group_keys: string[][];
}

/**
 * Run a case to its end.
 * @param floats keys such as `lr_config.pct_start` whose number Python wrote as a float
 * @throws what the hooks throw
 */
export async function runSchedules(one: ScheduleCase, floats: ReadonlySet<string>): Promise<Series> {
  const fs = createMemoryFs();
  const context = new BuildContext(createRunRegistries(), {
    fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
  const { type, groups, ...defaults } = one.optimizer;
  const parameters = groups.map(() => new Parameter([1]));
  const params = groups.map((group, i) => ({ params: [parameters[i]], ...group }));
  const optimizer = context.build<Optimizer>('OPTIMIZERS', { type, ...defaults, params }, 'optimizer');
  const options = {
    model: new StillModel(),
    optimizer,
    fs,
    workDir: 'w',
    timestamp: 't',
    logger: createLogger(fs, 'w/t.log', () => undefined),
  };
  const runner =
    one.runner === 'IterBasedRunner'
      ? new IterBasedRunner({ ...options, maxIters: one.max_iters })
      : new EpochBasedRunner({ ...options, maxEpochs: one.max_epochs });
  const recorder = new Recorder(optimizer);
  try {
    const unit = one.iter_defaults ? { by_epoch: false } : {};
    runner.registerHook(buildLrHook(readConfig(one, 'lr_config', floats), unit, context), 'VERY_HIGH');
    if (one.momentum_config)
      runner.registerHook(buildMomentumHook(readConfig(one, 'momentum_config', floats), context), 'HIGH');
    runner.registerHook(recorder, 'LOWEST');
    if (one.resume) {
      const { epoch, iter, groups: resumed } = one.resume;
      for (const [i, group] of resumed.entries()) Object.assign(optimizer.paramGroups[i] ?? {}, group);
      runner.restorePosition({ epoch, iter, innerIter: 0 });
    }
    const workflow = one.workflow ?? [['train', 1]];
    const loader = stillLoader(one.iters_per_epoch);
    await runner.run(
      workflow.map(() => loader),
      workflow,
    );
  } finally {
    runner.logBuffer.clear();
    optimizer.dispose();
    for (const parameter of parameters) parameter.dispose();
  }
  return recorder.series();
}

/** The decoded dict, which knows of each number whether it is a float. */
function readConfig(
  one: ScheduleCase,
  key: 'lr_config' | 'momentum_config',
  floats: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const config = decodeValue(one[key]) as Record<string, unknown>;
  const span = { file: 'fixture', from: 0, to: 0, line: 1, column: 1, endLine: 1, endColumn: 1 };
  for (const name of Object.keys(config))
    setSource(config, name, { span, isFloat: floats.has(`${key}.${name}`) });
  return config;
}

/** Notes position, learning rates and momenta in front of every training iteration. */
class Recorder extends Hook {
  readonly #optimizer: Optimizer;
  readonly #positions: number[][] = [];
  readonly #lrs: number[][] = [];
  readonly #momenta: unknown[][] = [];

  constructor(optimizer: Optimizer) {
    super();
    this.#optimizer = optimizer;
  }

  override beforeTrainIter({ epoch, iter, innerIter }: BaseRunner): void {
    this.#positions.push([epoch, iter, innerIter]);
    const { paramGroups } = this.#optimizer;
    this.#lrs.push(paramGroups.map((group) => group.lr));
    this.#momenta.push(
      paramGroups.map((group) => (group.betas ? [...group.betas] : (groupMomentum(group) ?? null))),
    );
  }

  series(): Series {
    const { paramGroups } = this.#optimizer;
    const byGroup = <T>(rows: readonly T[][]): T[][] =>
      paramGroups.map((_, g) => rows.flatMap((row) => row.slice(g, g + 1)));
    return {
      position_epoch_iter_inner: this.#positions,
      lr: byGroup(this.#lrs),
      momentum: byGroup(this.#momenta),
      final_group_keys: paramGroups.map((group) =>
        Object.keys(group)
          .filter((key) => key !== 'params')
          .sort(),
      ),
    };
  }
}

/** Trains nothing. */
class StillModel implements RunnableModel {
  train(): void {
    // Nothing depends on the mode.
  }
  eval(): void {
    // Nothing depends on the mode.
  }
  trainStep(): StepOutputs {
    return { logVars: { names: ['loss'], values: [1] }, numSamples: 1 };
  }
  valStep(): StepOutputs {
    return this.trainStep();
  }
}

function stillLoader(length: number): BatchLoader {
  return {
    length,
    async *epoch(_epoch, start = 0) {
      for (let i = start; i < length; i++) yield i;
    },
  };
}
