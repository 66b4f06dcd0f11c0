// A hook of your own. A config uses it so:
//
//   custom_imports = dict(imports=['mmdet.core.utils.my_hook'], allow_failed_imports=False)
//   custom_hooks = [dict(type='MyHook', a=1, b=2, priority='NORMAL')]
//
// Stages: beforeRun, beforeTrainEpoch, beforeTrainIter, afterTrainIter, afterTrainEpoch, beforeValEpoch, beforeValIter,
// afterValIter, afterValEpoch, afterRun. beforeEpoch, afterEpoch, beforeIter and afterIter stand for two each. All may be
// async.

import { Hook, HOOKS, type Runner } from 'tabtrain';

interface MyHookArgs {
  a: number;
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
    runner.logger.info(`MyHook: a=${this.a}, b=${this.b}, ${runner.maxEpochs ?? '?'} epochs`);
  }

  override afterTrainIter(runner: Runner): void {
    if (!this.everyNIters(runner, 10)) return;
    runner.logger.info(`MyHook: iteration ${runner.iter + 1}, learning rate ${runner.currentLr()[0]}`);
  }

  override afterRun(runner: Runner): void {
    runner.logger.info(`MyHook: done after ${runner.iter} iterations`);
  }
}
