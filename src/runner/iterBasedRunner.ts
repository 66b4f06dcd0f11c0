import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { RUNNERS } from '../registry/registries.ts';
import { BaseRunner, checkWorkflow } from './baseRunner.ts';
import type { BatchLoader, Mode, RunnerMeta, RunPosition, Workflow } from './runnerTypes.ts';
import { EndlessLoader } from './endlessLoader.ts';
import { formatFilename } from './filenameTmpl.ts';
import { orStop, STOPPED } from './untilStopped.ts';
import { replayWorkflow, type WorkflowPlace } from './workflowPlace.ts';
import { at } from '../util/at.ts';

/**
 * Trains iteration by iteration; `epoch` counts how often the training loader began anew.
 *
 *     beforeRun, beforeEpoch
 *     while iter < max_iters:
 *       for (mode, n) in workflow: innerIter = 0; n times train(next batch) or val(next batch)
 *     afterEpoch, afterRun
 *
 * The four specific epoch stages are never called, so hooks that work by epoch do nothing here.
 * Source: mmcv 1.7.2 `runner/iter_based_runner.py`. Differs: a resumed run goes on at the batch and the place in the
 * workflow where it stopped, with its best score and loss scale; MMCV starts the loaders and the workflow anew and takes
 * nothing of the checkpoint's meta.
 */
export class IterBasedRunner extends BaseRunner {
  override async run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void> {
    const flow = checkWorkflow(workflow, loaders);
    const { maxIters } = this;
    if (maxIters === undefined) {
      throw new ConfigError('max_iters must be set before the runner starts, but it is None', {
        code: 'bad-runner',
        path: 'runner.max_iters',
      });
    }
    this.itersPerEpoch = at(
      loaders,
      flow.findIndex(([mode]) => mode === 'train'),
    ).length;
    this.logStart(workflow, `${maxIters} iters`);
    await this.callHook('beforeRun');
    await this.tellResumed(
      at(
        loaders,
        flow.findIndex(([mode]) => mode === 'train'),
      ),
    );
    const place = replayWorkflow(flow, this.iter);
    const endless = loaders.map((loader, i) => new EndlessLoader(loader, place.taken[i]));
    try {
      await this.callHook('beforeEpoch');
      await this.#makeUp(at(endless, place.entry), place.done);
      while (this.iter < maxIters && !this.isEnding) await this.#round(flow, endless, place, maxIters);
    } finally {
      for (const loader of endless) await loader.close();
    }
    this.end = this.stopped ? 'stopped' : 'finished';
    await this.callHook('afterEpoch');
    await this.callHook('afterRun');
  }

  /** The workflow once, from `place` on; leaves it at the start. */
  async #round(
    flow: readonly (readonly [Mode, number])[],
    loaders: readonly EndlessLoader[],
    place: WorkflowPlace,
    maxIters: number,
  ): Promise<void> {
    const { entry: first, done } = place;
    place.entry = 0;
    place.done = 0;
    for (let i = first; i < flow.length && !this.isEnding; i++) {
      const [mode, times] = at(flow, i);
      const start = i === first ? done : 0;
      this.innerIter = start;
      for (let n = start; n < times && !this.isEnding; n++) {
        if (mode === 'val') await this.val(at(loaders, i));
        else if (this.iter >= maxIters) break;
        else await this.train(at(loaders, i));
      }
    }
  }

  /** In a resumed run: the log of the running interval, and the hooks that the last iteration still owes. */
  async #makeUp(loader: EndlessLoader, done: number): Promise<void> {
    const { openStage = null, log = null } = this.resumePlace ?? {};
    this.resumePlace = null;
    if (log) this.logBuffer.loadStateDict(log);
    if (!openStage) return;
    this.model.train();
    this.mode = 'train';
    this.dataLoader = loader.loader;
    this.innerIter = done - 1;
    this.iter -= 1;
    await this.finishStage(openStage);
    this.innerIter += 1;
    this.iter += 1;
  }

  /** One training iteration. */
  async train(loader: EndlessLoader): Promise<void> {
    this.model.train();
    this.mode = 'train';
    this.dataLoader = loader.loader;
    if (this.epoch !== loader.epoch) this.model.recheckSteps?.();
    // Before the batch is taken: the number changes one iteration after the loader began anew.
    this.epoch = loader.epoch;
    const batch = await orStop(loader.next(), this.control);
    if ((await this.heardStop()) || batch === STOPPED) return;
    this.dataBatch = batch;
    await this.callHook('beforeTrainIter');
    await this.step(batch);
    await this.callHook('afterTrainIter');
    this.releaseStep();
    this.innerIter += 1;
    this.iter += 1;
    await this.heardStop();
  }

  /** One iteration in evaluation mode; changes no parameter. */
  async val(loader: EndlessLoader): Promise<void> {
    this.model.eval();
    this.mode = 'val';
    this.dataLoader = loader.loader;
    const batch = await orStop(loader.next(), this.control);
    if ((await this.heardStop()) || batch === STOPPED) return;
    this.dataBatch = batch;
    await this.callHook('beforeValIter');
    await this.step(batch);
    await this.callHook('afterValIter');
    this.releaseStep();
    this.innerIter += 1;
    await this.heardStop();
  }

  /** What hooks go on from: the rest stays the new run's, as in MMCV. */
  override restoreMeta(meta: RunnerMeta): void {
    for (const key of ['hook_msgs', 'fp16']) if (isDict(meta[key])) this.meta[key] = meta[key];
  }

  override logResumed(): void {
    this.logger.info(`resumed from epoch: ${this.epoch}, iter ${this.iter}`);
  }

  override checkpointName(template = 'iter_{}.pth'): string {
    return formatFilename(template, this.iter + 1);
  }

  /** The number of finished iterations says everything else. */
  override position(): RunPosition {
    return { epoch: this.epoch, iter: this.iter, innerIter: 0 };
  }

  override positionAfterIter(): RunPosition {
    return { epoch: this.epoch, iter: this.iter + 1, innerIter: 0 };
  }
}

RUNNERS.registerModule()(IterBasedRunner);
