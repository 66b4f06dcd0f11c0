// One record that a server refuses must not hold up the others.

import { DeliveryError } from './http.ts';

/** Answers that are about the key, the address or the run, not about what was sent: 401, 403, 404, 405, 407, 410. */
const NOT_ABOUT_DATA = [401, 403, 404, 405, 407, 410];

/** True when a server has read what was sent and does not want it: any other 4xx that isn't "come again". */
export function refusesData(error: unknown): error is DeliveryError {
  if (!(error instanceof DeliveryError) || !error.isFinal || error.status === undefined) return false;
  return error.status >= 400 && error.status < 500 && !NOT_ABOUT_DATA.includes(error.status);
}

export interface PartsOptions<T> {
  /** Send some of them, at least one, in order. */
  send(items: readonly T[]): Promise<unknown>;
  /** Send what can't be wrong. A server that refuses that as well refuses the run, not a record. */
  probe(): Promise<unknown>;
  /** Hears of each that is refused alone. */
  onRefused(item: T, reason: DeliveryError): Promise<void> | void;
}

/**
 * Send items together; when they are refused, in halves, until the refused ones are found, which are left out.
 * @throws DeliveryError what isn't about the data, and what {@link PartsOptions.probe} throws
 */
export async function sendInParts<T>(
  items: readonly T[],
  { send, probe, onRefused }: PartsOptions<T>,
): Promise<void> {
  let isProbed = false;
  const deliver = async (some: readonly T[]): Promise<void> => {
    const [first] = some;
    if (first === undefined) return;
    try {
      await send(some);
      return;
    } catch (error) {
      if (!refusesData(error)) throw error;
      if (!isProbed) await probe();
      isProbed = true;
      if (some.length === 1) return onRefused(first, error);
    }
    const half = some.length >> 1;
    await deliver(some.slice(0, half));
    await deliver(some.slice(half));
  };
  await deliver(items);
}
