import type { Parameter, StateTensor } from '../parameter.ts';
import type { LoadReport } from '../stateDict.ts';

/** What an `init_cfg` sees of a module. `Module` is one. */
export interface InitTarget {
  readonly className: string;
  readonly baseNames: readonly string[];
  /** Dotted name from the root; empty for the root. */
  readonly fullName: string;
  /** As the config gave it: a dict, a list of dicts, or nothing. */
  readonly initCfg: unknown;
  /** This module and all below it, parents first. */
  namedModules(): (readonly [string, InitTarget])[];
  ownParameters(): ReadonlyMap<string, Parameter>;
  attribute(name: string): InitTarget | undefined;
  loadStateDict(state: ReadonlyMap<string, StateTensor>): LoadReport;
}
