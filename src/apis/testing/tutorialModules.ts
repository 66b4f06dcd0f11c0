// The TypeScript twins of the Python files in MMDetection's "Customize Runtime Settings", by their path in a workspace.

/** `mmdet/core/optimizer/my_optimizer.py`: the class has the tutorial's arguments, and a body that the tutorial leaves out. */
export const MY_OPTIMIZER = `import { OPTIMIZERS } from 'mmdet.core.optimizer.registry';
import { Optimizer } from 'torch.optim';
import { assign, mul, sub, type Parameter } from 'tabtrain';

@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  constructor({ params, a, b, c }: { params: Parameter[]; a: number; b: number; c: number }) {
    super(params, { lr: a, momentum: b, weight_decay: c });
  }

  override step(): void {
    for (const { params, lr } of this.paramGroups)
      for (const param of params)
        if (param.grad) {
          assign(this.stateTensor(param, 'last_grad'), param.grad);
          assign(param.variable, sub(param.variable, mul(param.grad, lr)));
        }
  }
}
`;

/** The tutorial's `__init__.py` line, `from .my_optimizer import MyOptimizer`. */
export const OPTIMIZER_INDEX = `export { MyOptimizer } from './my_optimizer';\n`;

export const MY_OPTIMIZER_CONSTRUCTOR = `import { buildFromCfg } from 'mmcv.utils';
import { OPTIMIZER_BUILDERS, OPTIMIZERS } from 'mmcv.runner.optimizer';
import type { Module, Optimizer } from 'tabtrain';
import './my_optimizer';

@OPTIMIZER_BUILDERS.registerModule()
export class MyOptimizerConstructor {
  readonly optimizerCfg: Record<string, unknown>;
  constructor({ optimizerCfg, paramwiseCfg }: { optimizerCfg: Record<string, unknown>; paramwiseCfg?: unknown }) {
    if (paramwiseCfg !== undefined && paramwiseCfg !== null) throw new Error('not used here');
    this.optimizerCfg = optimizerCfg;
  }

  call(model: Module): Optimizer {
    const myOptimizer = buildFromCfg<Optimizer>(this.optimizerCfg, OPTIMIZERS, { params: model.parameters() });
    return myOptimizer;
  }
}
`;

/** The tutorial's hook with all six of its stages, each of which tells that it was called. */
export const MY_HOOK = `import { HOOKS, Hook, type Runner } from 'mmcv.runner';

@HOOKS.registerModule()
export class MyHook extends Hook {
  constructor(readonly args: { a: number; b: string }) {
    super();
  }
  #tell(runner: Runner, stage: string): void {
    runner.logger.info(\`MyHook \${this.args.a} \${this.args.b}: \${stage}\`);
  }
  override beforeRun(runner: Runner): void {
    this.#tell(runner, 'before_run');
  }
  override afterRun(runner: Runner): void {
    this.#tell(runner, 'after_run');
  }
  override beforeEpoch(runner: Runner): void {
    this.#tell(runner, 'before_epoch');
  }
  override afterEpoch(runner: Runner): void {
    this.#tell(runner, 'after_epoch');
  }
  override beforeIter(runner: Runner): void {
    this.#tell(runner, 'before_iter');
  }
  override afterIter(runner: Runner): void {
    this.#tell(runner, 'after_iter');
  }
}
`;

/** The tutorial's `__init__.py` line, `from .my_hook import MyHook`. */
export const HOOK_INDEX = `export { MyHook } from './my_hook';\n`;

/** Writes down, at full precision, what each iteration trains with. */
export const PROBE = `import { Hook, HOOKS, type Runner } from 'tabtrain';

@HOOKS.registerModule()
export class Probe extends Hook {
  override afterTrainIter(runner: Runner): void {
    const [lr, momentum] = [runner.currentLr(), runner.currentMomentum()];
    runner.logger.info(\`Probe \${JSON.stringify({ iter: runner.iter, lr, momentum })}\`);
  }
}
`;
