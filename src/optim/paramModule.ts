// What the optimizer constructor needs to know of a module: any tree of modules can be described so.

import type { Module, Parameter } from '../nn/index.ts';

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
  readonly inChannels?: number;
  readonly groups?: number;
  children(): Iterable<readonly [string, ParamModule<P>]>;
  /** Its own parameters, not those of its children. */
  ownParameters(): Iterable<readonly [string, P]>;
}

/** See a module of ours as a {@link ParamModule}; convolutions tell their channels and groups. */
export function asParamModule(module: Module): ParamModule<Parameter> {
  const numberAt = (key: string): number | undefined => {
    const value: unknown = Reflect.get(module, key);
    return typeof value === 'number' ? value : undefined;
  };
  return {
    className: module.className,
    baseNames: module.baseNames,
    inChannels: numberAt('inChannels'),
    groups: numberAt('groups'),
    children: () => sharedViews(module.children()),
    ownParameters: () => module.ownParameters(),
  };
}

const views = new WeakMap<Module, ParamModule<Parameter>>();

/** One view per module, so that a shared module stays recognisable. */
function sharedViews(children: ReadonlyMap<string, Module>): [string, ParamModule<Parameter>][] {
  return [...children].map(([name, child]) => {
    let view = views.get(child);
    if (!view) views.set(child, (view = asParamModule(child)));
    return [name, view];
  });
}
