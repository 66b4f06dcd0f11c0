// A small run with a logger under test: two values per iteration, no GPU work, real hooks and runner.

import { SGD } from '../../../../optim/index.ts';
import { Parameter } from '../../../../nn/index.ts';
import { BuildContext, createRunRegistries, type RunServices } from '../../../../registry/index.ts';
import { createMemoryFs } from '../../../../storage/memoryFs.ts';
import type { FileSystem } from '../../../../contracts/fileSystem.ts';
import type { RunEvent, RunListener } from '../../../../contracts/runEvents.ts';
import type { RunnableModel, StepOutputs } from '../../../runnerTypes.ts';
import { EpochBasedRunner } from '../../../epochBasedRunner.ts';
import { createLogger } from '../../../logger.ts';
import { RunControl } from '../../../runControl.ts';
import type { Hook } from '../../hook.ts';
import { IterTimerHook } from '../../iterTimer.ts';
import type { RemotePace } from '../remoteLogger.ts';

/** Fast, so that outages pass within a test. */
export const TEST_PACE: RemotePace = {
  gapMs: 3,
  firstRetryMs: 5,
  maxRetryMs: 40,
  lastRetryMs: 20,
  heartbeatMs: 30_000,
  stallMs: 2000,
  flushMs: 3000,
  stopMs: 300,
};

export function makeContext(services: Partial<RunServices> = {}): BuildContext {
  return new BuildContext(createRunRegistries(), {
    fs: createMemoryFs(),
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
    ...services,
  });
}

export interface LoggedRun {
  readonly runner: EpochBasedRunner;
  readonly fs: FileSystem;
  readonly control: RunControl;
  /** Text log, without time and level. */
  readonly lines: readonly string[];
  readonly notices: readonly Extract<RunEvent, { name: 'run.noticed' }>[];
  run(): Promise<void>;
}

export interface LoggedRunOptions {
  readonly fs?: FileSystem;
  readonly maxEpochs?: number;
  /** Iterations per epoch. */
  readonly length?: number;
  /** Finished iterations of the run that this one goes on with. Default 0. */
  readonly startIter?: number;
  readonly onEvent?: RunListener;
  /** Awaited before each batch, with its number over the run from 0. */
  readonly before?: (iter: number) => Promise<void> | void;
}

class ListedModel implements RunnableModel {
  #step: number;
  constructor(startIter: number) {
    this.#step = startIter;
  }
  train(): void {
    // Nothing depends on the mode.
  }
  eval(): void {
    // Nothing depends on the mode.
  }
  trainStep(): StepOutputs {
    const loss = 1 / ++this.#step;
    return { logVars: { names: ['loss', 'acc'], values: [loss, 1 - loss] }, numSamples: 1 };
  }
  valStep(): StepOutputs {
    return this.trainStep();
  }
}

/** A run of `maxEpochs` (2) times `length` (10) iterations with `hook`, an iteration timer and SGD at 0.1 and 0.9. */
export function makeLoggedRun(hooks: readonly Hook[], options: LoggedRunOptions = {}): LoggedRun {
  const { fs = createMemoryFs(), maxEpochs = 2, length = 10, startIter = 0, before } = options;
  const hear = options.onEvent;
  const lines: string[] = [];
  const notices: Extract<RunEvent, { name: 'run.noticed' }>[] = [];
  const control = new RunControl();
  const onEvent = (event: RunEvent): void => {
    if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - /s, ''));
    if (event.name === 'run.noticed') notices.push(event);
    hear?.(event);
  };
  const weight = new Parameter([1]);
  const optimizer = new SGD({ params: [weight], lr: 0.1, momentum: 0.9 });
  const runner = new EpochBasedRunner({
    model: new ListedModel(startIter),
    optimizer,
    fs,
    workDir: 'w',
    timestamp: 't',
    logger: createLogger(fs, 'w/t.log', onEvent),
    maxEpochs,
    control,
    onEvent,
  });
  runner.restorePosition({
    epoch: Math.floor(startIter / length),
    iter: startIter,
    innerIter: startIter % length,
  });
  runner.registerHook(new IterTimerHook({}, makeContext()), 'LOW');
  for (const hook of hooks) runner.registerHook(hook, 'VERY_LOW');
  const loader = {
    length,
    async *epoch(epoch: number, start = 0) {
      for (let i = start; i < length; i++) {
        await before?.(epoch * length + i);
        yield i;
      }
    },
  };
  return {
    runner,
    fs,
    control,
    lines,
    notices,
    run: async () => {
      try {
        await runner.run([loader], [['train', 1]]);
        await runner.logger.flush();
      } finally {
        runner.logBuffer.clear();
        weight.dispose();
        optimizer.dispose();
      }
    },
  };
}
