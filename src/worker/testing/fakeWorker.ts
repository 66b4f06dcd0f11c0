import type { WorkerLike } from '../connection.ts';

/** A worker made of a MessagePort, with a crash one can trigger. */
export class FakeWorker extends EventTarget {
  readonly inside: MessagePort;
  isTerminated = false;
  readonly #outside: MessagePort;

  constructor() {
    super();
    const { port1, port2 } = new MessageChannel();
    this.#outside = port1;
    this.inside = port2;
    port1.addEventListener('message', ({ data }) =>
      this.dispatchEvent(new MessageEvent('message', { data })),
    );
    port1.start();
  }

  /** Node's EventTarget has the DOM's methods; only the overloads differ. */
  get asWorker(): WorkerLike {
    return this as unknown as WorkerLike;
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#outside.postMessage(message, transfer);
  }

  terminate(): void {
    this.isTerminated = true;
    this.#outside.close();
  }

  /** @returns whether somebody took it upon them; else a browser reports it to those above too */
  crash(message: string): 'handled' | 'unhandled' {
    const event = Object.assign(new Event('error', { cancelable: true }), { message });
    return this.dispatchEvent(event) ? 'unhandled' : 'handled';
  }
}
