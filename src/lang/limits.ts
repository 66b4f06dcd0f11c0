// Bounds of one evaluation. Evaluation is synchronous and never re-entered, so the meter of the running one is kept here.

import { PyError } from './pyError.ts';

/** Steps of one evaluation: every expression, statement and copied element is one. */
export const MAX_STEPS = 1_000_000;
/** Nesting of expressions and calls; well inside what a worker's stack holds. */
export const MAX_DEPTH = 300;
/** Characters of one string. */
export const MAX_STRING_CHARS = 4_000_000;
/** Bits of one integer. */
export const MAX_INT_BITS = 65_536;
/** Values of the finished config, shared ones counted wherever they appear. */
export const MAX_VALUES = 50_000;

let stepsLeft = MAX_STEPS;
let maxSteps = MAX_STEPS;

/** Start the meter anew. */
export function resetSteps(steps = MAX_STEPS): void {
  stepsLeft = steps;
  maxSteps = steps;
}

/** Count `n` steps. @throws PyError TimeoutError when the budget is used up. */
export function spend(n: number): void {
  stepsLeft -= n;
  if (stepsLeft < 0 || !Number.isFinite(n)) {
    throw new PyError('TimeoutError', `the config must finish within ${maxSteps} steps, but it needs more`, {
      hint: 'a config should only describe values: look for an endless loop or a huge range',
    });
  }
}

/** Check the length of a string that is about to be built. */
export function checkStringChars(chars: number): void {
  if (chars > MAX_STRING_CHARS) {
    throw new PyError(
      'MemoryError',
      `a string must have at most ${MAX_STRING_CHARS} characters, but this one would have ${chars}`,
    );
  }
}
