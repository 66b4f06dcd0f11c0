import { assertNever } from '../errors/invariant.ts';
import { ConfigError, RunError } from '../errors/trainerError.ts';
import { onIdle } from '../gpu/index.ts';
import { RUNNERS } from '../registry/registries.ts';
import { turn } from '../util/turn.ts';
import { BaseRunner, type BatchLoader, type Mode, type Workflow } from './baseRunner.ts';

/** Iterations that may wait in the GPU's queue. */
const MAX_QUEUED_ITERS = 3;

/** Why {@link EpochBasedRunner.run} came back. */
export type RunEnd = 'finished' | 'stopped';

/**
 * Trains epoch by epoch.
 *
 *     while epoch < max_epochs:
 *       for (mode, n) in workflow: n times train(loader) or val(loader)
 *
 * A training epoch is skipped once max_epochs is reached; val always runs its n times.
 * Source: mmcv 1.7.2 `runner/epoch_based_runner.py`. Differs: no sleeps between epochs.
 */
export class EpochBasedRunner extends BaseRunner {
  /** Set by {@link run}: 'stopped' when a person asked for it. */
  end: RunEnd = 'finished';
  #stopped = false;
  /** When the GPU is done with each of the latest iterations. */
  readonly #inFlight: Promise<void>[] = [];

  /**
   * @param loaders one per workflow entry, in order
   * @param workflow `[['train', 1]]`
   */
  override async run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void> {
    const flow = checkWorkflow(workflow, loaders);
    const { maxEpochs } = this;
    if (maxEpochs === undefined) {
      throw new ConfigError('max_epochs must be set before the runner starts, but it is None', {
        code: 'bad-runner',
        path: 'runner.max_epochs',
      });
    }
    const firstTrain = flow.findIndex(([mode]) => mode === 'train');
    this.maxIters = maxEpochs * loaders[firstTrain].length;
    this.logger.info(`Start running, work_dir: ${this.workDir}`);
    this.logger.info(`Hooks will be executed in the following order:\n${this.getHookInfo()}`);
    this.logger.info(`workflow: ${formatWorkflow(workflow)}, max: ${maxEpochs} epochs`);
    await this.callHook('beforeRun');
    while (this.epoch < maxEpochs && !this.#stopped) {
      for (const [i, [mode, times]] of flow.entries()) {
        for (let n = 0; n < times && !this.#stopped; n++) {
          if (mode === 'train') {
            if (this.epoch >= maxEpochs) break;
            await this.train(loaders[i]);
          } else if (mode === 'val') await this.val(loaders[i]);
          else assertNever(mode, 'workflow mode');
        }
      }
    }
    this.end = this.#stopped ? 'stopped' : 'finished';
    await this.callHook('afterRun');
  }

  /** One training epoch, or the rest of one after resuming inside it. */
  async train(loader: BatchLoader): Promise<void> {
    this.model.train();
    this.mode = 'train';
    this.dataLoader = loader;
    this.maxIters = (this.maxEpochs ?? 0) * loader.length;
    this.doneInEpoch = this.resumeInnerIter;
    this.resumeInnerIter = 0;
    await this.callHook('beforeTrainEpoch');
    for await (const batch of loader.epoch(this.epoch, this.doneInEpoch)) {
      this.innerIter = this.doneInEpoch;
      this.dataBatch = batch;
      await this.callHook('beforeTrainIter');
      this.outputs = this.model.trainStep(batch as never);
      this.logBuffer.updateLogVars(this.outputs.logVars, this.outputs.numSamples);
      await this.#keepPace();
      await this.callHook('afterTrainIter');
      this.outputs = null;
      this.dataBatch = null;
      this.iter += 1;
      this.doneInEpoch += 1;
      if (await this.control.checkpoint()) {
        this.#stopped = true;
        break;
      }
    }
    // Stopped with batches left: the epoch is not finished, its hooks and its number wait for the resumed run.
    if (this.#stopped && this.doneInEpoch < loader.length) return;
    await this.callHook('afterTrainEpoch');
    this.doneInEpoch = 0;
    this.epoch += 1;
  }

  /** One pass in evaluation mode that computes losses and changes nothing. */
  async val(loader: BatchLoader): Promise<void> {
    this.model.eval();
    this.mode = 'val';
    this.dataLoader = loader;
    let done = 0;
    await this.callHook('beforeValEpoch');
    for await (const batch of loader.epoch(this.epoch)) {
      this.innerIter = done;
      this.dataBatch = batch;
      await this.callHook('beforeValIter');
      this.outputs = this.model.valStep(batch as never);
      this.logBuffer.updateLogVars(this.outputs.logVars, this.outputs.numSamples);
      await this.#keepPace();
      await this.callHook('afterValIter');
      this.outputs = null;
      this.dataBatch = null;
      done += 1;
      if (await this.control.checkpoint()) {
        this.#stopped = true;
        return;
      }
    }
    await this.callHook('afterValEpoch');
  }

  /**
   * Let waiting messages in ("pause" is one), and don't run further ahead of the GPU than a few iterations:
   * a longer queue is no faster, and a stop would have to wait for all of it.
   */
  async #keepPace(): Promise<void> {
    const done = onIdle();
    // A lost device is told where its turn comes; those behind it must not count as unhandled.
    done.catch(() => undefined);
    this.#inFlight.push(done);
    if (this.#inFlight.length > MAX_QUEUED_ITERS) await this.#inFlight.shift();
    await turn();
  }
}

RUNNERS.registerModule({ name: ['EpochBasedRunner', 'Runner'] })(EpochBasedRunner);

function checkWorkflow(workflow: Workflow, loaders: readonly BatchLoader[]): [Mode, number][] {
  if (workflow.length !== loaders.length) {
    throw new ConfigError(
      `workflow must have one entry per data loader, but has ${workflow.length} for ${loaders.length}`,
      {
        code: 'bad-workflow',
        path: 'workflow',
        hint: "workflow = [('train', 1), ('val', 1)] needs data.train and data.val",
      },
    );
  }
  const flow = workflow.map(([mode, times]): [Mode, number] => {
    if (mode === 'train' || mode === 'val') return [mode, times];
    throw new ConfigError(`workflow modes must be 'train' or 'val', but got ${JSON.stringify(mode)}`, {
      code: 'bad-workflow',
      path: 'workflow',
    });
  });
  if (!flow.some(([mode, times]) => mode === 'train' && times > 0)) {
    throw new RunError('workflow must contain a train step, or the run would never end', {
      code: 'bad-workflow',
      path: 'workflow',
    });
  }
  return flow;
}

function formatWorkflow(workflow: Workflow): string {
  return `[${workflow.map(([mode, times]) => `('${mode}', ${times})`).join(', ')}]`;
}
