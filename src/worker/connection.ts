// A worker with its client; gone after its first crash, and when it is ended.

import { RunError } from '../errors/trainerError.ts';
import type { Endpoint } from './channel.ts';

/** The part of Worker that the client needs; node tests hand in a MessagePort's. */
export interface WorkerLike extends Endpoint {
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'error', listener: (event: ErrorEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  terminate(): void;
}

/** Settles when nobody holds the lock any more. */
export type WhenReleased = (lock: string) => Promise<void>;

interface Client {
  dispose(reason: Error): void;
}

export class Connection<C extends Client> {
  readonly client: C;
  readonly #worker: WorkerLike;
  readonly #onGone: (error: Error) => void;
  readonly #what: string;
  #isEnded = false;

  /** @param onGone called once, when the worker ended by itself; what was open is rejected then */
  constructor(worker: WorkerLike, client: C, onGone: (error: Error) => void, what: string) {
    this.#worker = worker;
    this.client = client;
    this.#onGone = onGone;
    this.#what = what;
    worker.addEventListener('error', (event: ErrorEvent) => {
      const cause = event.message === '' ? 'it could not be loaded' : event.message;
      this.lose(
        new RunError(`${what} stopped working: ${cause}`, {
          code: 'worker-crashed',
          hint: 'Everything that was saved is still there. Reload the page if it happens again.',
        }),
      );
    });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The worker is gone, or as good as gone. */
  lose(error: Error): void {
    if (this.#isEnded) return;
    this.end(error);
    this.#onGone(error);
  }

  end(reason: Error): void {
    this.#isEnded = true;
    this.client.dispose(reason);
    this.#worker.terminate();
  }

  /** Notice an end of which a page hears nothing: killed, out of memory, closed. */
  async watch(lock: string, whenReleased: WhenReleased): Promise<void> {
    await whenReleased(lock);
    this.lose(
      new RunError(`${this.#what} came to an end that nobody asked for`, {
        code: 'worker-gone',
        hint: 'Most likely it ran out of memory. Everything that was saved is still there.',
      }),
    );
  }
}
