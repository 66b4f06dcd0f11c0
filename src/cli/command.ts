import type { ApiTypes } from '../usercode/typeCheck.ts';
import type { CheckTypes } from '../usercode/userModules.ts';
import type { Arguments, OptionSpec } from './arguments.ts';

/** What the bundle of the command line can't make itself. */
export interface Tools {
  /** tabtrain's declarations, with which own modules are checked; without them they are not. */
  readonly loadApiTypes?: () => Promise<ApiTypes>;
}

/** Finds type errors in own modules; the compiler is loaded with the first of them. */
export function typeChecker({ loadApiTypes }: Tools): CheckTypes | undefined {
  if (!loadApiTypes) return undefined;
  return async (graph) => (await import('./checkTypes.ts')).checkTypesInNode(graph, loadApiTypes);
}

/** One `tabtrain` command. Its code is loaded when it runs: `print-config` must not wait for the GPU's. */
export interface Command {
  readonly name: string;
  /** Names of its words; those that end with `?` may be left out. */
  readonly positional: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** @returns the exit code */
  run(args: Arguments, tools: Tools): Promise<number>;
}
