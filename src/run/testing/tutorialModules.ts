// The TypeScript twins of the Python files in MMDetection's "Customize Runtime Settings", by their path in a workspace.

/** `mmdet/core/optimizer/my_optimizer.py`: the class has the tutorial's arguments, and a body that the tutorial leaves out. */
export const MY_OPTIMIZER = `import { OPTIMIZERS } from './registry';
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
import { getRootLogger } from 'mmdet.utils';
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
    getRootLogger().info('MyOptimizerConstructor: ' + myOptimizer.constructor.name);
    return myOptimizer;
  }
}
`;

/** The tutorial prints MMCV's DefaultOptimizerConstructor as a template: the same, line by line. */
export const DEFAULT_OPTIMIZER_CONSTRUCTOR = `import { Conv2d, GroupNorm, LayerNorm } from 'torch.nn';
import { _BatchNorm, _InstanceNorm, buildFromCfg, isListOf } from 'mmcv.utils';
import { getRootLogger } from 'mmdet.utils';
import type { Module, Optimizer, Parameter } from 'tabtrain';
import { OPTIMIZER_BUILDERS, OPTIMIZERS } from './builder';

interface ParamGroup { params: Parameter[]; lr?: number; weight_decay?: number }
interface Mults { lr_mult?: number; decay_mult?: number }
interface ParamwiseCfg {
  custom_keys?: Record<string, Mults>;
  bias_lr_mult?: number;
  bias_decay_mult?: number;
  norm_decay_mult?: number;
  dwconv_decay_mult?: number;
  bypass_duplicate?: boolean;
}

const isDict = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

@OPTIMIZER_BUILDERS.registerModule({ force: true })
export class DefaultOptimizerConstructor {
  readonly optimizerCfg: Record<string, unknown>;
  readonly paramwiseCfg: ParamwiseCfg;
  readonly baseLr: number | null;
  readonly baseWd: number | null;

  constructor({ optimizerCfg, paramwiseCfg = null }: { optimizerCfg: unknown; paramwiseCfg?: unknown }) {
    if (!isDict(optimizerCfg)) throw new TypeError('optimizer_cfg should be a dict, but got ' + String(optimizerCfg));
    this.optimizerCfg = optimizerCfg;
    this.paramwiseCfg = (paramwiseCfg === null ? {} : paramwiseCfg) as ParamwiseCfg;
    this.baseLr = (optimizerCfg['lr'] ?? null) as number | null;
    this.baseWd = (optimizerCfg['weight_decay'] ?? null) as number | null;
    this.validateCfg();
  }

  validateCfg(): void {
    if (!isDict(this.paramwiseCfg))
      throw new TypeError('paramwise_cfg should be None or a dict, but got ' + String(this.paramwiseCfg));
    if ('custom_keys' in this.paramwiseCfg) {
      if (!isDict(this.paramwiseCfg.custom_keys)) throw new TypeError('If specified, custom_keys must be a dict');
      if (this.baseWd === null)
        for (const rule of Object.values(this.paramwiseCfg.custom_keys))
          if (isDict(rule) && 'decay_mult' in rule) throw new Error('base_wd should not be None');
    }
    if (
      'bias_decay_mult' in this.paramwiseCfg ||
      'norm_decay_mult' in this.paramwiseCfg ||
      'dwconv_decay_mult' in this.paramwiseCfg
    )
      if (this.baseWd === null) throw new Error('base_wd should not be None');
  }

  isIn(paramGroup: ParamGroup, paramGroupList: ParamGroup[]): boolean {
    console.assert(isListOf(paramGroupList, Object));
    const param = new Set(paramGroup.params);
    const paramSet = new Set<Parameter>();
    for (const group of paramGroupList) for (const one of group.params) paramSet.add(one);
    return [...param].some((one) => paramSet.has(one));
  }

  addParams(params: ParamGroup[], module: Module, prefix = ''): void {
    const customKeys = this.paramwiseCfg.custom_keys ?? {};
    const sortedKeys = Object.keys(customKeys).sort().sort((a, b) => b.length - a.length);
    const biasLrMult = this.paramwiseCfg.bias_lr_mult ?? 1;
    const biasDecayMult = this.paramwiseCfg.bias_decay_mult ?? 1;
    const normDecayMult = this.paramwiseCfg.norm_decay_mult ?? 1;
    const dwconvDecayMult = this.paramwiseCfg.dwconv_decay_mult ?? 1;
    const bypassDuplicate = this.paramwiseCfg.bypass_duplicate ?? false;
    const isNorm =
      module instanceof _BatchNorm ||
      module instanceof _InstanceNorm ||
      module instanceof GroupNorm ||
      module instanceof LayerNorm;
    const isDwconv = module instanceof Conv2d && module.inChannels === module.groups;
    for (const [name, param] of module.namedParameters('', false)) {
      const paramGroup: ParamGroup = { params: [param] };
      if (!param.requiresGrad) {
        params.push(paramGroup);
        continue;
      }
      if (bypassDuplicate && this.isIn(paramGroup, params)) {
        getRootLogger().warning(prefix + ' is duplicate. It is skipped since bypass_duplicate=True');
        continue;
      }
      let isCustom = false;
      for (const key of sortedKeys) {
        if (!(prefix + '.' + name).includes(key)) continue;
        isCustom = true;
        paramGroup.lr = this.baseLr! * (customKeys[key].lr_mult ?? 1);
        if (this.baseWd !== null) paramGroup.weight_decay = this.baseWd * (customKeys[key].decay_mult ?? 1);
        break;
      }
      if (!isCustom) {
        if (name === 'bias' && !isNorm) paramGroup.lr = this.baseLr! * biasLrMult;
        if (this.baseWd !== null) {
          if (isNorm) paramGroup.weight_decay = this.baseWd * normDecayMult;
          else if (isDwconv) paramGroup.weight_decay = this.baseWd * dwconvDecayMult;
          else if (name === 'bias') paramGroup.weight_decay = this.baseWd * biasDecayMult;
        }
      }
      params.push(paramGroup);
    }
    for (const [childName, childMod] of module.namedChildren())
      this.addParams(params, childMod, prefix ? prefix + '.' + childName : childName);
  }

  call(model: Module): Optimizer {
    const optimizerCfg = { ...this.optimizerCfg };
    if (Object.keys(this.paramwiseCfg).length === 0) {
      optimizerCfg['params'] = model.parameters();
      return buildFromCfg<Optimizer>(optimizerCfg, OPTIMIZERS);
    }
    const params: ParamGroup[] = [];
    this.addParams(params, model);
    optimizerCfg['params'] = params;
    return buildFromCfg<Optimizer>(optimizerCfg, OPTIMIZERS);
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
