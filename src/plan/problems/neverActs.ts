// Settings that do nothing in the run they are written for. MMCV says nothing about any of them.

import type { Problem } from '../../contracts/problem.ts';
import { isDict, plainTruth, type PlainDict } from '../../lang/plain.ts';
import { sourceOf } from '../../lang/sourceMap.ts';
import { pathBelow } from '../../util/configPath.ts';
import { section, type ConfigInput, type KnownRun } from './keys.ts';

/** How long a run is, as far as it is known. */
interface Length {
  readonly isIterBased: boolean;
  readonly itersPerEpoch: number | undefined;
  readonly epochs: number | undefined;
  readonly iters: number | undefined;
}

const positive = (value: unknown): number | undefined =>
  typeof value === 'number' && value > 0 ? value : undefined;

function lengthOf(dict: ConfigInput, known: KnownRun): Length {
  const runner = section(dict, 'runner');
  const isIterBased = runner.type === 'IterBasedRunner';
  const { itersPerEpoch } = known;
  const epochs = known.maxEpochs ?? positive(runner.max_epochs);
  const planned = epochs === undefined || itersPerEpoch === undefined ? undefined : epochs * itersPerEpoch;
  return {
    isIterBased,
    itersPerEpoch,
    epochs: isIterBased ? undefined : epochs,
    iters: known.maxIters ?? positive(runner.max_iters) ?? planned,
  };
}

const warning = (code: string, path: string, message: string, hint: string): Problem => ({
  severity: 'warning',
  code,
  message,
  path,
  hint,
});

/** Everything below, for one config. */
export function neverActing(dict: ConfigInput, known: KnownRun): Problem[] {
  const length = lengthOf(dict, known);
  return [
    ...neverLogged(dict, length),
    ...warmupTooLong(dict, length),
    ...byEpochInIterRunner(dict, length),
    ...neverSaved(dict, length),
    ...neverEvaluated(dict, length),
    ...lateSteps(dict, length),
    ...doubledTotalEpochs(dict),
    ...momentumWithout(dict),
  ];
}

/** MMCV's loggers drop the last incomplete interval of an epoch (`ignore_last`), so a longer one shows no loss at all. */
function neverLogged(dict: ConfigInput, { isIterBased, itersPerEpoch, iters }: Length): Problem[] {
  const logging = section(dict, 'log_config');
  const hooks: unknown[] = Array.isArray(logging.hooks) ? logging.hooks : [];
  const places = hooks.map((hook, i) => {
    const own = isDict(hook) ? hook : {};
    const path = own.interval === undefined ? 'log_config.interval' : `log_config.hooks[${i}].interval`;
    return { own, path, interval: positive(own.interval ?? logging.interval ?? 10) };
  });
  const late = places.flatMap(({ own, path, interval }): Problem[] => {
    const countsInEpoch = !isIterBased && plainTruth(own.by_epoch ?? true);
    const end = countsInEpoch ? itersPerEpoch : iters;
    if (
      !plainTruth(own.ignore_last ?? true) ||
      end === undefined ||
      interval === undefined ||
      interval <= end
    )
      return [];
    const unit = countsInEpoch ? 'an epoch has' : 'the run has';
    return [
      warning('never-logged', path, `no training loss is ever logged: ${path} is ${interval}, but ${unit} ${end} iterations`, `write interval=${Math.max(1, Math.floor(end / 2))} or less`),
    ]; // prettier-ignore
  });
  return [...new Map(late.map((problem) => [problem.path, problem])).values()];
}

function warmupTooLong(dict: ConfigInput, { iters, itersPerEpoch }: Length): Problem[] {
  return ['lr_config', 'momentum_config'].flatMap((key): Problem[] => {
    const cfg = section(dict, key);
    const written = typeof cfg.warmup === 'string' ? positive(cfg.warmup_iters) : undefined;
    const perUnit = plainTruth(cfg.warmup_by_epoch) ? itersPerEpoch : 1;
    if (written === undefined || perUnit === undefined || iters === undefined) return [];
    const warmup = written * perUnit;
    if (warmup < iters) return [];
    const quantity = key === 'lr_config' ? 'learning rate' : 'momentum';
    return [
      warning('warmup-too-long', `${key}.warmup_iters`, `the warm-up takes ${warmup} iterations, but the run has ${iters}: the ${quantity} never reaches its full value`, 'write a smaller warmup_iters, about a tenth of the run'),
    ]; // prettier-ignore
  });
}

/** IterBasedRunner never calls the hooks' epoch stages. */
function byEpochInIterRunner(dict: ConfigInput, { isIterBased }: Length): Problem[] {
  if (!isIterBased) return [];
  const keys = ['lr_config', 'momentum_config', 'checkpoint_config', 'evaluation'];
  return keys.flatMap((key): Problem[] => {
    if (!plainTruth(section(dict, key).by_epoch)) return [];
    return [
      warning('by-epoch-never', `${key}.by_epoch`, `${key} never acts: it counts epochs, and an IterBasedRunner counts iterations only`, 'write by_epoch=False'),
    ]; // prettier-ignore
  });
}

/** The end of a run in the unit that a hook counts in. */
function endFor(cfg: PlainDict, { isIterBased, epochs, iters }: Length): [number | undefined, string] {
  const byEpoch = plainTruth(cfg.by_epoch ?? !isIterBased);
  return byEpoch ? [epochs, 'epochs'] : [iters, 'iterations'];
}

function neverSaved(dict: ConfigInput, length: Length): Problem[] {
  const path = 'checkpoint_config';
  if (Object.hasOwn(dict, path) && dict[path] === null)
    return [
      warning('never-saved', path, 'no checkpoint is ever saved: checkpoint_config is None', 'write checkpoint_config = dict(interval=1)'),
    ]; // prettier-ignore
  const cfg = section(dict, path);
  if (Object.hasOwn(cfg, 'save_best'))
    return [
      { ...warning('misplaced-key', `${path}.save_best`, 'checkpoint_config.save_best is a key of MMDetection 3.x', 'write evaluation = dict(save_best=…)'), at: 'key' },
    ]; // prettier-ignore
  const [end, unit] = endFor(cfg, length);
  const interval = typeof cfg.interval === 'number' ? cfg.interval : undefined;
  // Unless told otherwise, the last one is saved whatever the interval.
  if (plainTruth(cfg.save_last ?? true) || interval === undefined) return [];
  if (interval > 0 && (end === undefined || interval <= end)) return [];
  const why = interval > 0 ? `the run has ${end ?? 0} ${unit}` : 'below 1 means never';
  return [
    warning('never-saved', `${path}.interval`, `no checkpoint is ever saved: interval is ${interval}, and ${why}`, 'write a smaller interval, or leave save_last=False out'),
  ]; // prettier-ignore
}

function neverEvaluated(dict: ConfigInput, length: Length): Problem[] {
  const cfg = section(dict, 'evaluation');
  if (plainTruth(cfg.by_epoch) && length.isIterBased) return [];
  const [end, unit] = endFor(cfg, length);
  const interval = positive(cfg.interval ?? 1);
  if (!isDict(dict.evaluation) || end === undefined || interval === undefined || cfg.dynamic_intervals !== undefined)
    return []; // prettier-ignore
  const start = positive(cfg.start);
  const first = start ?? interval;
  if (first <= end) return [];
  const key = start === undefined ? 'interval' : 'start';
  const best = typeof cfg.save_best === 'string' ? ', and no best checkpoint is saved' : '';
  return [
    warning('never-evaluated', `evaluation.${key}`, `the run is never evaluated${best}: the first time would be after ${first} ${unit}, but it has ${end}`, `write ${key}=${Math.max(1, Math.floor(end))} or less`),
  ]; // prettier-ignore
}

/** A step acts from the epoch (or iteration) after it on. */
function lateSteps(dict: ConfigInput, length: Length): Problem[] {
  return ['lr_config', 'momentum_config'].flatMap((key): Problem[] => {
    const cfg = section(dict, key);
    if (typeof cfg.policy !== 'string' || cfg.policy.toLowerCase() !== 'step') return [];
    const [end, unit] = endFor(cfg, length);
    const steps: unknown[] = Array.isArray(cfg.step) ? cfg.step : [cfg.step];
    const path = `${key}.step`;
    return steps.flatMap((step, i): Problem[] => {
      if (typeof step !== 'number' || end === undefined || step < end) return [];
      const at = Array.isArray(cfg.step) ? pathBelow(path, i) : path;
      return [
        warning('step-never', at, `the step at ${step} ${unit} never acts: the run has ${end}`, 'choose steps before the end of the run'),
      ]; // prettier-ignore
    });
  });
}

/** Only a config's own `runner` has a place under that name: compatCfg makes one from `total_epochs`. */
function doubledTotalEpochs(dict: ConfigInput): Problem[] {
  if (typeof dict.total_epochs !== 'number' || !sourceOf(dict, 'runner')) return [];
  return [
    { ...warning('unread-key', 'total_epochs', 'nothing reads total_epochs beside runner', 'remove it: runner.max_epochs says how long to train'), at: 'key' },
  ]; // prettier-ignore
}

const NO_MOMENTUM = ['Adagrad', 'Adadelta', 'ASGD', 'Rprop', 'LBFGS'];

function momentumWithout(dict: ConfigInput): Problem[] {
  const schedule = dict.momentum_config;
  const { type, momentum } = section(dict, 'optimizer');
  if (!isDict(schedule) || typeof type !== 'string') return [];
  if (NO_MOMENTUM.includes(type))
    return [
      { ...warning('no-momentum', 'momentum_config', `momentum_config needs an optimizer with momentum or betas, but ${type} has none`, 'remove momentum_config, or choose SGD or an Adam'), severity: 'error' },
    ]; // prettier-ignore
  const scales = ['step', 'cyclic'].includes(String(schedule.policy).toLowerCase());
  if (!scales || !['SGD', 'RMSprop'].includes(type) || (momentum !== undefined && momentum !== 0)) return [];
  return [
    warning('momentum-never', 'momentum_config', `momentum_config never acts: it multiplies the momentum of ${type}, which is 0`, 'write optimizer = dict(momentum=0.9, …)'),
  ]; // prettier-ignore
}
