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
    runner.onEvent({
      name: 'run.progressed',
      epoch: runner.epoch + 1,
      maxEpochs: runner.maxEpochs ?? 0,
      iter,
      maxIters,
      innerIter: runner.innerIter + 1,
      itersPerEpoch: runner.dataLoader?.length ?? 0,
      // The first iteration compiles every shader; it says nothing about the rest.
      etaS: done < 2 ? null : secondsEach * (maxIters - iter),
    });
  }
}
