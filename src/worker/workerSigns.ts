// How the page knows that a worker lives: it holds a Web Lock, which falls with it, however it ends.

import { UserCodeError } from '../errors/trainerError.ts';
import type { Server } from './channel.ts';
import type { WorkerSigns } from './protocol.ts';

/** Hold a lock and say its name; and keep modules from closing the worker under their own run. */
export function giveSigns(server: Server<WorkerSigns>): void {
  const lock = `tabtrain-worker:${crypto.randomUUID()}`;
  void navigator.locks.request(lock, () => {
    server.emit('worker.alive', { lock });
    return new Promise<never>(() => undefined);
  });
  const close = (): never => {
    throw new UserCodeError('a module must not end its worker, but called close()', {
      code: 'closes-worker',
      hint: 'to end a run early, let a hook set runner.stopTraining',
    });
  };
  for (const owner of [self, DedicatedWorkerGlobalScope.prototype])
    Object.defineProperty(owner, 'close', { value: close, configurable: false });
}
