// Locks among the users of one object: for a file system in memory and where nobody else can come by.

import type { Held, Lock, Locks } from '../contracts/locks.ts';
import { normalizePath } from './path.ts';

export function createMemoryLocks(): Locks {
  const held = new Map<string, Held>();
  return {
    tryAcquire: async (name, owner): Promise<Lock | Held> => {
      const key = normalizePath(name);
      const other = held.get(key);
      if (other) return other;
      const own: Held = { kind: 'held', owner, place: 'this process', sinceMs: Date.now() };
      held.set(key, own);
      return {
        kind: 'lock',
        release: async () => {
          if (held.get(key) === own) held.delete(key);
        },
      };
    },
  };
}
