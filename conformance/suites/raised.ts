// Errors of the peers and ours: the type of a Python exception, and the codes that stand for it here.

import { TrainerError } from '../../src/errors/trainerError.ts';
import { failed, passed, type ParityOutcome } from './types.ts';

/** By the name of a Python exception, the codes that are its counterparts. */
export type ExceptionCodes = Readonly<Record<string, readonly string[]>>;

/** A fixture case that may expect an exception. */
interface MayRaise {
  readonly [key: string]: unknown;
  readonly error?: unknown;
}

/**
 * Judge what a case threw: it must be the expected exception's counterpart. A bug of ours, such as a TypeError of JavaScript,
 * never is one.
 */
export function judgeThrown(
  thrown: unknown,
  { error: wanted }: MayRaise,
  codes: ExceptionCodes,
): ParityOutcome {
  const type = typeOf(wanted);
  if (type !== undefined && thrown instanceof TrainerError && codes[type]?.includes(thrown.code))
    return passed;
  const got =
    thrown instanceof TrainerError
      ? `${thrown.code} (${thrown.message})`
      : `threw ${String(thrown)}, a bug of ours`;
  return failed(type === undefined ? got : `${got}, wanted ${JSON.stringify(wanted)}`);
}

/** The outcome of a case that threw nothing though it should have. */
export function notRaised({ error }: MayRaise): ParityOutcome {
  return failed(`must raise ${JSON.stringify(error)}`);
}

function typeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : undefined;
}
