import type { Buffer, Parameter } from './parameter.ts';

/** What saving and loading see of a module: its values and its children by name. `Module` is one. */
export interface StateTree {
  ownParameters(): ReadonlyMap<string, Parameter>;
  ownBuffers(): ReadonlyMap<string, Buffer>;
  children(): ReadonlyMap<string, StateTree>;
}
