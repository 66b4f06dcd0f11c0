// When a schedule's values are set during a run: the part that learning rate and momentum share.

import { ConfigError } from '../errors/trainerError.ts';
import type { DeclaredArgs, Kind } from '../registry/args/types.ts';
import { dictBy } from '../registry/args/index.ts';
import { nearest } from '../util/nearest.ts';
import { fromCurve, type Policy, type SchedulePoint } from './policy.ts';
import { ScheduleArgs, type ArgSources, type ScheduleKind } from './scheduleArgs.ts';
import { readWarmup, refuseEpochWarmup, warmupFactor, type WarmupRules } from './warmup.ts';
import { at } from '../util/at.ts';

/** What a schedule must know of the run. */
export interface ScheduleRun {
  /** Undefined in an IterBasedRunner. */
  readonly maxEpochs?: number;
  readonly maxIters: number;
  /** Length of the training data loader. */
  readonly itersPerEpoch: number;
  readonly runnerType: 'epoch' | 'iter';
}

/** A training iteration: epochs and iterations done before it, and its number in the epoch. */
export interface SchedulePosition {
  readonly epoch: number;
  readonly iter: number;
  readonly innerIter: number;
}

export type ScheduleOptions = ArgSources;

/** How one policy is made, and what it takes. */
export interface PolicySpec {
  readonly args: DeclaredArgs;
  readonly make: (args: ScheduleArgs, run: ScheduleRun) => Policy;
}

export interface ScheduleSpec extends WarmupRules {
  readonly kind: ScheduleKind;
  readonly policies: ReadonlyMap<string, PolicySpec>;
  /** The warm-up divides by its factor (momentum) instead of multiplying (learning rate). */
  readonly warmupDivides: boolean;
  /** What every policy takes, and a class of the person's that names none. */
  readonly common: DeclaredArgs;
}

/** The kind of a whole `lr_config` or `momentum_config`; policies of one's own are checked where they are built. */
export function scheduleKind({ policies }: ScheduleSpec): Kind<Readonly<Record<string, unknown>>> {
  const tables = Object.fromEntries([...policies].map(([name, { args }]) => [name, args]));
  return dictBy({ by: 'policy', tables, nameOf: policyName, isOpen: true });
}

/** A policy that a class of the person's computes: MMCV's `get_lr`. */
export interface OwnPolicy {
  /** Such as `MineLrUpdaterHook`. */
  readonly className: string;
  /** The regular values (no warm-up) of all groups, now. */
  values(bases: readonly number[]): number[];
}

/** The values of all groups, as a pure function of the place in the run. */
export interface Schedule {
  /** MMCV's class, such as `CosineAnnealingLrUpdaterHook`. */
  readonly className: string;
  /** False when the runner never calls the schedule (by_epoch in an IterBasedRunner): values stay as they are. */
  readonly isActive: boolean;
  /**
   * The base values that the run starts from: the optimizer's, or the policy's own (OneCycle).
   * @throws ConfigError when the policy's values don't fit the number of groups
   */
  basesFor(values: readonly number[], optimizer: string): number[];
  /** Keys that the policy leaves in the parameter groups, with one value per group. */
  groupEntries(groups: number, optimizer: string): Readonly<Record<string, readonly number[]>>;
  /**
   * With `by_epoch` values are set where an epoch begins, and up to this iteration, the end of the warm-up, in each
   * iteration; -1 without a warm-up.
   */
  readonly warmupEnd: number;
  /** @throws ConfigError where the policy doesn't reach, or where it gives no finite number */
  valuesAt(position: SchedulePosition, bases: readonly number[], optimizer: string): number[];
  /** The same without the warm-up. */
  regularAt(position: SchedulePosition, bases: readonly number[], optimizer: string): number[];
}

/**
 * Build a schedule from its config dict.
 * @param own computes the regular values in place of the policy, which `cfg` needn't name then
 * @throws ConfigError with `missing-policy`, `unknown-policy`, `missing-argument`, `unknown-argument`, `bad-type` or
 * `bad-value`, its path inside the config
 */
export function createSchedule(
  cfg: Readonly<Record<string, unknown>>,
  run: ScheduleRun,
  spec: ScheduleSpec,
  options: ScheduleOptions = {},
  own?: OwnPolicy,
): Schedule {
  const { kind, className, policySpec } = findPolicy(cfg, spec, options, own?.className);
  const args = new ScheduleArgs(cfg, policySpec.args, kind, className, options);
  args.checkKeys();
  const warmup = readWarmup(args, spec);
  const byEpoch = args.boolean('by_epoch');
  const made = policySpec.make(args, run);
  const policy: Policy = own ? { ...made, values: (bases) => own.values(bases) } : made;
  // As in MMCV: also where nothing warms up.
  const countsEpochs = args.boolean('warmup_by_epoch');
  if (countsEpochs && run.runnerType === 'iter') refuseEpochWarmup(args);

  // The hook counts in iterations even when the warm-up is given in epochs; YOLOX's curve needs them too.
  const length = warmup || spec.warmupItersIsInt ? args.number('warmup_iters') : 0;
  const warmupIters = length * (countsEpochs ? run.itersPerEpoch : 1);
  // IterBasedRunner never calls before_train_epoch, the only place where a by_epoch value is computed.
  const isActive = !(byEpoch && run.runnerType === 'iter');
  const maxProgress = byEpoch ? (run.maxEpochs ?? NaN) : run.maxIters;

  function basesFor(values: readonly number[], optimizer: string): number[] {
    const own = policy.ownBases?.(values.length, optimizer);
    // A short list of a dict leaves the other groups as they are, as zip() does.
    return values.map((value, i) => own?.[i] ?? value);
  }

  const pointAt = ({ epoch, iter }: SchedulePosition): SchedulePoint => ({
    progress: byEpoch ? epoch : iter,
    maxProgress,
    itersPerEpoch: run.itersPerEpoch,
    warmupIters,
  });

  function warmedUp(
    iter: number,
    point: SchedulePoint,
    bases: readonly number[],
    optimizer: string,
  ): number[] {
    if (!warmup || iter >= warmupIters) return policy.values(bases, point, optimizer);
    if (policy.squareWarmup) {
      const factor = warmup.ratio * ((iter + 1) / warmupIters) ** 2;
      return bases.map((base) => base * factor);
    }
    const factor = warmupFactor(warmup.type, iter, warmupIters, warmup.ratio);
    const regular = policy.values(bases, point, optimizer);
    return regular.map((value) => (spec.warmupDivides ? value / factor : value * factor));
  }

  /** Where Python divides by zero or leaves the real numbers. */
  function checked(values: number[], { iter }: SchedulePosition): number[] {
    const bad = values.find((value) => !Number.isFinite(value));
    if (bad === undefined) return values;
    throw new ConfigError(
      `${className}: the ${kind.quantity} must be a finite number, but is ${bad} at iteration ${iter}`,
      { code: 'bad-value', path: kind.path, span: options.spanOf?.('policy') },
    );
  }

  return {
    className,
    isActive,
    basesFor,
    groupEntries: (groups, optimizer) => policy.groupEntries?.(groups, optimizer) ?? {},
    warmupEnd: warmup ? warmupIters : -1,
    valuesAt(position, bases, optimizer) {
      if (!isActive) return [...bases];
      const values = warmedUp(position.iter, pointAt(position), basesFor(bases, optimizer), optimizer);
      return checked(values, position);
    },
    regularAt(position, bases, optimizer) {
      if (!isActive) return [...bases];
      return checked(policy.values(basesFor(bases, optimizer), pointAt(position), optimizer), position);
    },
  };
}

/** What MMCV calls a schedule and the unit it counts in, known before the run's length is. */
export interface ScheduleSummary {
  /** Such as `StepLrUpdaterHook`. */
  readonly className: string;
  readonly byEpoch: boolean;
}

/**
 * @param ownClass the class of the person's that computes the values
 * @throws ConfigError `missing-policy`, `unknown-policy`, and what is wrong with the warm-up
 */
export function describeSchedule(
  cfg: Readonly<Record<string, unknown>>,
  spec: ScheduleSpec,
  options: ScheduleOptions = {},
  ownClass?: string,
): ScheduleSummary {
  const { kind, className, policySpec } = findPolicy(cfg, spec, options, ownClass);
  const args = new ScheduleArgs(cfg, policySpec.args, kind, className, options);
  readWarmup(args, spec);
  return { className, byEpoch: args.boolean('by_epoch') };
}

/** MMCV's class for a policy: `step` is `StepLrUpdaterHook`. @throws ConfigError `missing-policy` */
export function scheduleClass(cfg: Readonly<Record<string, unknown>>, kind: ScheduleKind): string {
  return `${policyNameIn(cfg, kind)}${kind.suffix}`;
}

/** A class without a policy's name has no arguments but the common ones, and decides its values itself. */
const ownSpec = ({ common }: ScheduleSpec): PolicySpec => ({
  args: common,
  make: () => fromCurve((base) => base),
});

function findPolicy(
  cfg: Readonly<Record<string, unknown>>,
  spec: ScheduleSpec,
  options: ScheduleOptions,
  ownClass: string | undefined,
): { readonly kind: ScheduleKind; readonly className: string; readonly policySpec: PolicySpec } {
  const kind = { ...spec.kind, path: options.path ?? spec.kind.path };
  if (ownClass !== undefined && cfg.policy === undefined)
    return { kind, className: ownClass, policySpec: ownSpec(spec) };
  const name = policyNameIn(cfg, kind);
  const policySpec = spec.policies.get(name);
  if (!policySpec) throw unknownPolicy(String(cfg.policy), name, { ...spec, kind }, options);
  return { kind, className: ownClass ?? `${name}${kind.suffix}`, policySpec };
}

function policyNameIn(cfg: Readonly<Record<string, unknown>>, kind: ScheduleKind): string {
  const { policy } = cfg;
  if (typeof policy !== 'string' || policy === '') {
    throw new ConfigError(`${kind.path} must contain the key "policy"`, {
      code: 'missing-policy',
      path: kind.path,
      hint: `write policy='step' inside ${kind.path}`,
    });
  }
  return policyName(policy);
}

/** Policies in lower case are title-cased (`step` -> `Step`), others are taken as they are. */
export function policyName(policy: string): string {
  // Python's islower: letters, and none of them upper-case; title() capitalises behind every non-letter.
  if (policy !== policy.toLowerCase() || policy === policy.toUpperCase()) return policy;
  return policy.replace(/[a-z]+/g, (word) => at(word, 0).toUpperCase() + word.slice(1));
}

function unknownPolicy(
  policy: string,
  name: string,
  { kind, policies }: ScheduleSpec,
  options: ScheduleOptions,
): ConfigError {
  const names = [...policies.keys(), ...(options.ownPolicies ?? [])];
  const sameLetters = names.find(
    (known) => known.toLowerCase() === name.replaceAll(/[^a-zA-Z]/g, '').toLowerCase(),
  );
  const near = sameLetters ?? nearest(name, names);
  return new ConfigError(`${name}${kind.suffix} is not in the hook registry (policy='${policy}')`, {
    code: 'unknown-policy',
    path: `${kind.path}.policy`,
    span: options.spanOf?.('policy'),
    hint:
      options.explainMissing?.(`${name}${kind.suffix}`) ??
      (near ? `did you mean '${near}'?` : `policies are: ${names.join(', ')}`),
  });
}
