import { assertNever } from '../errors/invariant.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { RUNNERS } from '../registry/registries.ts';
import { BaseRunner, checkWorkflow } from './baseRunner.ts';
import type { BatchLoader, Mode, OpenStage, RunnerMeta, RunPosition, Workflow } from './runnerTypes.ts';
import { formatFilename } from './filenameTmpl.ts';
import { previousGpuCount } from './previousGpus.ts';
import { untilStopped } from './untilStopped.ts';
import { replayWorkflow, type WorkflowPlace } from './workflowPlace.ts';
import { at } from '../util/at.ts';

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
  override async run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void> {
    const flow = checkWorkflow(workflow, loaders);
    const { maxEpochs } = this;
    if (maxEpochs === undefined) {
      throw new ConfigError('max_epochs must be set before the runner starts, but it is None', {
        code: 'bad-runner',
        path: 'runner.max_epochs',
      });
    }
    this.itersPerEpoch = at(
      loaders,
      flow.findIndex(([mode]) => mode === 'train'),
    ).length;
    this.maxIters = maxEpochs * this.itersPerEpoch;
    this.logStart(workflow, `${maxEpochs} epochs`);
    await this.callHook('beforeRun');
    await this.tellResumed(
      at(
        loaders,
        flow.findIndex(([mode]) => mode === 'train'),
      ),
    );
    const place = this.#resumedPlace(flow);
    if (this.resumePlace?.openStage?.stage === 'afterTrainEpoch')
      await this.#finishEpoch(at(loaders, place.entry), this.resumePlace.openStage);
    while ((this.epoch < maxEpochs || isInside(place)) && !this.isEnding) {
      const { entry: first, done } = place;
      place.entry = 0;
      place.done = 0;
      for (let i = first; i < flow.length; i++) {
        const [mode, times] = at(flow, i);
        for (let n = i === first ? done : 0; n < times && !this.isEnding; n++) {
          if (mode === 'train') {
            if (this.epoch >= maxEpochs) break;
            await this.train(at(loaders, i));
          } else if (mode === 'val') await this.val(at(loaders, i));
          else assertNever(mode, 'workflow mode');
        }
      }
    }
    this.end = this.stopped ? 'stopped' : 'finished';
    await this.callHook('afterRun');
  }

  /** Where the workflow goes on: at its start, unless one of our own checkpoints was resumed. */
  #resumedPlace(flow: readonly (readonly [Mode, number])[]): WorkflowPlace {
    if (!this.resumePlace) return replayWorkflow(flow, 0);
    // Inside an epoch, the val steps in front of it are over.
    return replayWorkflow(flow, this.epoch, this.resumeInnerIter > 0);
  }

  /** Do what the last epoch of a resumed run still owes: the hooks behind the one that wrote its checkpoint. */
  async #finishEpoch(loader: BatchLoader, openStage: OpenStage): Promise<void> {
    const { log } = this.resumePlace ?? {};
    this.resumePlace = null;
    if (log) this.logBuffer.loadStateDict(log);
    this.model.train();
    this.mode = 'train';
    this.dataLoader = loader;
    this.doneInEpoch = loader.length;
    this.innerIter = loader.length - 1;
    this.epoch -= 1;
    await this.finishStage(openStage);
    this.doneInEpoch = 0;
    this.epoch += 1;
  }

  /** Enter an epoch; after resuming inside it, with the log of the running interval and what the last iteration owes. */
  async #beginEpoch(): Promise<void> {
    const { openStage = null, log = null } = this.resumePlace ?? {};
    this.resumePlace = null;
    if (log) this.logBuffer.loadStateDict(log);
    if (openStage) {
      this.iter -= 1;
      this.doneInEpoch -= 1;
      this.innerIter = this.doneInEpoch;
      await this.finishStage(openStage);
      this.iter += 1;
      this.doneInEpoch += 1;
    }
    // No batch is left: only the closing hooks are.
    if (this.doneInEpoch > 0 && this.doneInEpoch === this.dataLoader?.length) return;
    // The loggers begin an epoch with an empty buffer.
    const kept = log && this.doneInEpoch > 0 ? await this.logBuffer.stateDict(Infinity) : null;
    await this.callHook('beforeTrainEpoch');
    if (kept) this.logBuffer.loadStateDict(kept);
  }

  /** One training epoch, or the rest of one after resuming inside it. */
  async train(loader: BatchLoader): Promise<void> {
    this.model.recheckSteps?.();
    this.model.train();
    this.mode = 'train';
    this.dataLoader = loader;
    this.maxIters = (this.maxEpochs ?? 0) * loader.length;
    this.doneInEpoch = this.resumeInnerIter;
    this.resumeInnerIter = 0;
    await this.#beginEpoch();
    for await (const batch of untilStopped(loader.epoch(this.epoch, this.doneInEpoch), this.control)) {
      this.innerIter = this.doneInEpoch;
      this.dataBatch = batch;
      await this.callHook('beforeTrainIter');
      await this.step(batch);
      await this.callHook('afterTrainIter');
      this.releaseStep();
      this.iter += 1;
      this.doneInEpoch += 1;
      if (await this.heardStop()) break;
    }
    await this.heardStop();
    // Stopped with batches left: the epoch is not finished, its hooks and its number wait for the resumed run.
    if (this.stopped && this.doneInEpoch < loader.length) return;
    await this.callHook('afterTrainEpoch');
    this.doneInEpoch = 0;
    this.epoch += 1;
    // During an evaluation, perhaps: the next epoch must not begin.
    await this.heardStop();
  }

  /** One pass in evaluation mode that computes losses and changes nothing. */
  async val(loader: BatchLoader): Promise<void> {
    this.model.recheckSteps?.();
    this.model.eval();
    this.mode = 'val';
    this.dataLoader = loader;
    let done = 0;
    await this.callHook('beforeValEpoch');
    for await (const batch of untilStopped(loader.epoch(this.epoch), this.control)) {
      this.innerIter = done;
      this.dataBatch = batch;
      await this.callHook('beforeValIter');
      await this.step(batch);
      await this.callHook('afterValIter');
      this.releaseStep();
      done += 1;
      if (await this.heardStop()) return;
    }
    if (await this.heardStop()) return;
    await this.callHook('afterValEpoch');
  }

  /** All of it, as MMCV does: later checkpoints carry the keys of this one, and its texts win over the new run's. */
  override restoreMeta({ tabtrain: _own, ...meta }: RunnerMeta): void {
    // The iterations of a run on several GPUs are larger; only another program's checkpoint can be of one.
    const gpus = this.resumePlace ? null : previousGpuCount(meta.config);
    if (gpus !== null && gpus !== 1) {
      this.iter = Math.trunc(this.iter * gpus);
      this.logger.info('the iteration number is changed due to change of GPU number');
    }
    this.meta = { ...meta, tabtrain: this.meta.tabtrain };
  }

  override logResumed(): void {
    this.logger.info(`resumed epoch ${this.epoch}, iter ${this.iter}`);
  }

  override checkpointName(template = 'epoch_{}.pth'): string {
    return formatFilename(template, this.epoch + 1);
  }

  override position(): RunPosition {
    return { epoch: this.epoch, iter: this.iter, innerIter: this.doneInEpoch };
  }

  /** Behind the last batch the epoch is still open: its closing hooks are what a resumed run has to do first. */
  override positionAfterIter(): RunPosition {
    return { epoch: this.epoch, iter: this.iter + 1, innerIter: this.doneInEpoch + 1 };
  }
}

RUNNERS.registerModule({ name: ['EpochBasedRunner', 'Runner'] })(EpochBasedRunner);

/** True between a round's start and its end: a resumed run may have val steps left behind its last epoch. */
function isInside({ entry, done }: WorkflowPlace): boolean {
  return entry > 0 || done > 0;
}
