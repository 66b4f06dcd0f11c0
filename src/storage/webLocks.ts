// Locks between the tabs and workers of a site. They fall with the tab or worker that holds them.
// Source: Web Locks API (W3C).

import type { Held, Lock, Locks } from '../contracts/locks.ts';
import { normalizePath } from './path.ts';

const PREFIX = 'tabtrain-lock:';
// A Web Lock has nothing but a name. What its holder does stands in the name of a second one, held beside it.
const OWNER_PREFIX = 'tabtrain-owner:';

export function createWebLocks(): Locks {
  return {
    tryAcquire: async (name, owner) => {
      const path = normalizePath(name);
      const release = await hold(`${PREFIX}${path}`);
      if (!release) return holderOf(path);
      // Two holders one after the other may say the same: the note is shared, never waited for.
      const note = `${OWNER_PREFIX}${JSON.stringify([path, owner, Date.now()])}`;
      const releaseNote = await hold(note, 'shared');
      return {
        kind: 'lock',
        release: async () => {
          releaseNote?.();
          release();
          await released(`${PREFIX}${path}`);
        },
      } satisfies Lock;
    },
  };
}

/** @returns what lets go of the lock, or undefined when it is held */
async function hold(name: string, mode: LockMode = 'exclusive'): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(name, { ifAvailable: true, mode }, (lock) => {
      if (!lock) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((release) => resolve(release));
    });
    request.catch(reject);
  });
}

/** Locks are let go of in a later turn: wait for it, so that the next in line finds it free. */
async function released(name: string): Promise<void> {
  await navigator.locks.request(name, () => undefined);
}

async function holderOf(path: string): Promise<Held> {
  const { held = [] } = await navigator.locks.query();
  for (const { name = '' } of held) {
    if (!name.startsWith(OWNER_PREFIX)) continue;
    const [of, owner, sinceMs] = JSON.parse(name.slice(OWNER_PREFIX.length)) as [string, string, number];
    if (of === path) return { kind: 'held', owner, place: 'another tab or worker', sinceMs };
  }
  return { kind: 'held', owner: '', place: 'another tab or worker' };
}
