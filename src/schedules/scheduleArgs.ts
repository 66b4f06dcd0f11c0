// Reads the arguments of a policy out of `lr_config` or `momentum_config`, with one clear error for each fault.

import { ConfigError } from '../errors/trainerError.ts';
import type { Span } from '../errors/span.ts';
import type { ArgTable, DeclaredArgs } from '../registry/args/types.ts';
import { nearest } from '../util/nearest.ts';

/** What differs between learning-rate and momentum policies. */
export interface ScheduleKind {
  /** Where the arguments stand in the config: `lr_config`, or `custom_hooks[0]`. */
  readonly path: string;
  /** Appended to the policy's name to give MMCV's class. */
  readonly suffix: 'LrUpdaterHook' | 'MomentumUpdaterHook';
  /** What the values are, for errors. */
  readonly quantity: 'learning rate' | 'momentum';
  readonly minKey: 'min_lr' | 'min_momentum';
  readonly minRatioKey: 'min_lr_ratio' | 'min_momentum_ratio';
}

export const LR_KIND: ScheduleKind = {
  path: 'lr_config',
  suffix: 'LrUpdaterHook',
  quantity: 'learning rate',
  minKey: 'min_lr',
  minRatioKey: 'min_lr_ratio',
};
export const MOMENTUM_KIND: ScheduleKind = {
  path: 'momentum_config',
  suffix: 'MomentumUpdaterHook',
  quantity: 'momentum',
  minKey: 'min_momentum',
  minRatioKey: 'min_momentum_ratio',
};

/** What the config's reader knows about the arguments beyond their values. */
export interface ArgSources {
  /**
   * Whether the number under a key was written as a Python float. Python tells 1 from 1.0 and some policies refuse one
   * of them; JavaScript can't. Where this isn't given, whole numbers are accepted as both.
   * Given a config: `(key) => sourceOf(cfg, key)?.isFloat ?? false`.
   */
  readonly isFloat?: (key: string) => boolean | undefined;
  /** The same for an item of a list: `(list, index) => sourceOf(list, index)?.isFloat ?? false`. */
  readonly isFloatItem?: (list: readonly unknown[], index: number) => boolean | undefined;
  /** Where the value under a key was written, for errors: `(key) => sourceOf(cfg, key)?.span`. */
  readonly spanOf?: (key: string) => Span | undefined;
  /** How errors write a value; default: as JSON. */
  readonly reprOf?: (value: unknown) => string;
  /** Where the arguments stand in the config, if it isn't `lr_config` or `momentum_config`. */
  readonly path?: string;
  /** Policies that a person registered, for hints. */
  readonly ownPolicies?: readonly string[];
  /** What a person may have forgotten, so that there is no such class. */
  readonly explainMissing?: (className: string) => string | undefined;
}

/** The arguments of one policy. Every getter throws ConfigError `bad-type` or `bad-value`. */
export class ScheduleArgs {
  readonly kind: ScheduleKind;
  /** MMCV's class name, such as `StepLrUpdaterHook`. */
  readonly className: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #declared: DeclaredArgs;
  readonly #table: ArgTable;
  readonly #sources: ArgSources;

  /** @param declared what the policy takes, with its defaults */
  constructor(
    values: Readonly<Record<string, unknown>>,
    declared: DeclaredArgs,
    kind: ScheduleKind,
    className: string,
    sources: ArgSources = {},
  ) {
    this.kind = kind;
    this.className = className;
    this.#values = values;
    this.#declared = declared;
    this.#table = declared.table;
    this.#sources = sources;
  }

  /** True when the key is there and not None. */
  has(key: string): boolean {
    return this.#values[key] !== undefined && this.#values[key] !== null;
  }

  /** The value, or its default. */
  raw(key: string): unknown {
    const value = this.#values[key];
    return value === undefined ? this.#table[key]?.default : value;
  }

  number(key: string): number {
    const value = this.raw(key);
    if (typeof value === 'number') return value;
    throw this.badType(key, 'must be a number');
  }

  /** A number that Python must see as a float; an int is refused where we know that it is one. */
  float(key: string): number {
    const value = this.number(key);
    if (this.#values[key] !== undefined && this.isInt(key)) throw this.badValue(key, 'must be a float');
    return value;
  }

  boolean(key: string): boolean {
    // Python takes anything for a flag; None and 0 are false.
    return Boolean(this.raw(key));
  }

  /** @throws when the value isn't one of the options */
  choice<T extends string>(key: string, options: readonly T[]): T {
    const value = this.raw(key);
    const found = options.find((option) => option === value);
    if (found === undefined)
      throw this.badValue(key, `must be ${options.map((option) => `'${option}'`).join(' or ')}`);
    return found;
  }

  /** True when the value is a number known to be written as an int; false for a fraction. */
  isInt(key: string): boolean {
    return Number.isInteger(this.#values[key]) && this.#sources.isFloat?.(key) === false;
  }

  /** True when the value is a number known to be written as a float. */
  isKnownFloat(key: string): boolean {
    const value = this.#values[key];
    return typeof value === 'number' && (!Number.isInteger(value) || this.#sources.isFloat?.(key) === true);
  }

  /** True when Python takes an item of a list for an int, as far as that is known. */
  isIntItem(list: readonly unknown[], index: number): boolean {
    return Number.isInteger(list[index]) && this.#sources.isFloatItem?.(list, index) !== true;
  }

  badType(key: string, requirement: string): ConfigError {
    return this.#fault('bad-type', key, requirement);
  }

  badValue(key: string, requirement: string): ConfigError {
    return this.#fault('bad-value', key, requirement);
  }

  /** Refuse keys that the policy doesn't know, then require those it needs. */
  checkKeys(): void {
    const { required, optional } = this.#declared;
    const known = [...required, ...optional];
    for (const key of Object.keys(this.#values)) {
      if (key === 'policy' || known.includes(key)) continue;
      const near = nearest(key, [...known, 'policy']);
      throw new ConfigError(`${this.className} got an unexpected argument '${key}'`, {
        code: 'unknown-argument',
        path: `${this.kind.path}.${key}`,
        span: this.#sources.spanOf?.(key),
        hint: near ? `did you mean '${near}'?` : `it takes: ${known.join(', ')}`,
      });
    }
    const missing = required.find((key) => this.#values[key] === undefined);
    if (missing !== undefined) {
      throw new ConfigError(`${this.className} is missing the required argument '${missing}'`, {
        code: 'missing-argument',
        path: this.kind.path,
        span: this.#sources.spanOf?.('policy'),
        hint: `write ${missing}=… inside ${this.kind.path}`,
      });
    }
  }

  #fault(code: string, key: string, requirement: string): ConfigError {
    const value = this.#values[key];
    const repr = value === undefined ? 'nothing' : (this.#sources.reprOf ?? JSON.stringify)(value);
    const actual = Number.isInteger(value) && this.isKnownFloat(key) ? `${repr}.0` : repr;
    return new ConfigError(`${this.className}: ${key} ${requirement}, but got ${actual}`, {
      code,
      path: `${this.kind.path}.${key}`,
      span: this.#sources.spanOf?.(key),
    });
  }
}
