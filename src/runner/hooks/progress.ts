import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/** Tells whoever listens where the run is, after every training iteration. Ours; MMCV has only its log. */
export class ProgressHook extends Hook {
  #startMs = 0;
  #startIter = 0;

  override beforeRun(runner: BaseRunner): void {
    this.#startMs = performance.now();
    this.#startIter = runner.iter;
  }

  override afterTrainIter(runner: BaseRunner): void {
    const maxIters = runner.maxIters ?? 0;
    const iter = runner.iter + 1;
    const done = iter - this.#startIter;
    const secondsEach = (performance.now() - this.#startMs) / 1000 / done;
    const itersPerEpoch = runner.itersPerEpoch;
    // An IterBasedRunner has no epochs of its own: passes over the training set stand for them.
    const byIter = runner.maxEpochs === undefined;
    runner.onEvent({
      name: 'run.progressed',
      epoch: byIter ? Math.ceil(iter / itersPerEpoch) : runner.epoch + 1,
      maxEpochs: runner.maxEpochs ?? Math.ceil(maxIters / itersPerEpoch),
      iter,
      maxIters,
      innerIter: byIter ? ((iter - 1) % itersPerEpoch) + 1 : runner.innerIter + 1,
      itersPerEpoch,
      // The first iteration compiles every shader; it says nothing about the rest.
      etaS: done < 2 ? null : secondsEach * (maxIters - iter),
    });
  }
}
