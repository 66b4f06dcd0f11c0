// A hook: its methods are called at the stages of a run. Leave out those that you don't need.

import { Hook, HOOKS, type Runner } from 'tabtrain';

interface MyHookArgs {
  /** Speak at every a-th iteration. */
  a: number;
  /** Decimals of the learning rate. */
  b: number;
}

@HOOKS.registerModule()
export class MyHook extends Hook {
  readonly a: number;
  readonly b: number;

  constructor({ a, b }: MyHookArgs) {
    super();
    this.a = a;
    this.b = b;
  }

  override beforeRun(runner: Runner): void {
    runner.logger.info(`MyHook: the run begins, ${runner.maxEpochs ?? '?'} epochs`);
  }

  override beforeEpoch(runner: Runner): void {
    runner.logger.info(`MyHook: epoch ${runner.epoch + 1} begins`);
  }

  override afterIter(runner: Runner): void {
    if (!this.everyNIters(runner, this.a)) return;
    const [lr = 0] = runner.currentLr();
    runner.logger.info(`MyHook: iteration ${runner.iter + 1} trained with lr ${lr.toFixed(this.b)}`);
  }

  override afterRun(runner: Runner): void {
    runner.logger.info(`MyHook: the run is over, ${runner.iter} iterations`);
  }
}
