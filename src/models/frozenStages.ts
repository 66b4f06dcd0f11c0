// Parts of a network that don't train: below the first one that does, nothing is recorded for the backward pass.

import { noGrad } from '../gpu/index.ts';
import type { Module } from '../nn/index.ts';

/** The first of some modules in a row that trains; a hook may have thawed what was frozen. @returns their number if none does */
export function firstTrainable(modules: readonly Module[]): number {
  const first = modules.findIndex((module) => module.parameters().some(({ requiresGrad }) => requiresGrad));
  return first < 0 ? modules.length : first;
}

/** Run a forward pass, without a record of it where all behind it is frozen. */
export function runFrozen<T>(isFrozen: boolean, forward: () => T): T {
  return isFrozen ? noGrad(forward) : forward();
}
