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
