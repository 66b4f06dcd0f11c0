import type { ArgKind } from './argKinds.ts';
import type { Kind } from './args/types.ts';

/**
 * The arguments a registered class takes, by their config names (snake_case).
 * Ours always declare them; of a person's class without `static args` the compiler reads the constructor.
 */
export interface ArgSpec {
  readonly required?: readonly string[];
  readonly optional?: readonly string[];
  /** True when unknown keys are handed on (`**kwargs`), still in camelCase. */
  readonly rest?: boolean;
  /** What the values of some arguments must be; checked before the class is built. */
  readonly kinds?: Readonly<Record<string, ArgKind | Kind<unknown>>>;
}

/**
 * Turn `norm_cfg` into `normCfg`. Leading underscores and digits keep their place.
 * @example snakeToCamel('frozen_stages') // 'frozenStages'
 */
export function snakeToCamel(name: string): string {
  return name.replace(/(?<=[a-zA-Z0-9])_+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
}

/**
 * Turn `normCfg` into `norm_cfg`, which {@link snakeToCamel} turns back.
 * @example camelToSnake('weightDecay') // 'weight_decay'
 */
export function camelToSnake(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
