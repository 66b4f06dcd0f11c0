// What the optimizer constructor needs to know of a module: any tree of modules can be described so, and `nn`'s are such.

/** A parameter; the constructor reads only whether it is frozen. */
export interface TrainableParam {
  readonly requiresGrad: boolean;
}

/** A module of a tree with parameters of type P. The same object in two places is a shared module. */
export interface ParamModule<P extends TrainableParam> {
  /** PyTorch's class name. */
  readonly className: string;
  /** Names of PyTorch's base classes, nearest first. */
  readonly baseNames: readonly string[];
  /** Of convolutions. */
  readonly inChannels?: unknown;
  readonly groups?: unknown;
  children(): Iterable<readonly [string, ParamModule<P>]>;
  /** Its own parameters, not those of its children. */
  ownParameters(): Iterable<readonly [string, P]>;
}
