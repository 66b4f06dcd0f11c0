// Parts of a network that don't train: below the first one that does, nothing is recorded for the backward pass.

import { noGrad } from '../gpu/index.ts';

/** A part that is run as a whole; a module is one. */
export interface Part {
  parameters(): readonly { readonly requiresGrad: boolean }[];
}

/** The first of some parts in a row that trains; a hook may have thawed what was frozen. @returns their number if none does */
export function firstTrainable(parts: readonly Part[]): number {
  const first = parts.findIndex((part) => part.parameters().some(({ requiresGrad }) => requiresGrad));
  return first < 0 ? parts.length : first;
}

/** Run a forward pass, without a record of it where all behind it is frozen. */
export function runFrozen<T>(isFrozen: boolean, forward: () => T): T {
  return isFrozen ? noGrad(forward) : forward();
}
