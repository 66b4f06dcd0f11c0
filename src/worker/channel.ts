// Typed calls and events over anything that posts messages: a Worker, a MessagePort, a worker's own scope.
// Maps of names give the types; the envelopes are private to this file. Every promise settles: by its reply, by an
// error, by a cancelled handler, or by `dispose` when the other side is gone.

import { toErrorReport, TrainerError, type ErrorReport } from '../errors/trainerError.ts';

/** What a `Calls` map looks like: name -> request, response and, where the call reports any, progress. */
export type CallMap<M> = { [N in keyof M]: { req: unknown; res: unknown; progress?: unknown } };

/** The part of Worker, MessagePort and DedicatedWorkerGlobalScope that is used here. */
export interface Endpoint {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  /** MessagePorts wait for it. */
  start?(): void;
}

interface Request {
  kind: 'request';
  id: number;
  name: string;
  body: unknown;
}
type Message =
  | Request
  | { kind: 'cancel'; id: number }
  | { kind: 'reply'; id: number; body: unknown }
  | { kind: 'failure'; id: number; report: ErrorReport }
  | { kind: 'progress'; id: number; body: unknown }
  | { kind: 'event'; name: string; body: unknown };

/** An error that happened on the other side; says what it said there. */
export class RemoteError extends TrainerError {
  override readonly name: string;
  override readonly isInputError: boolean;

  constructor(report: ErrorReport) {
    super(report.message, report);
    this.name = report.name;
    this.isInputError = report.isInputError;
  }
}

/** A response whose buffers move instead of being copied. */
export class Transferred<T> {
  readonly body: T;
  readonly buffers: Transferable[];

  constructor(body: T, buffers: Transferable[]) {
    this.body = body;
    this.buffers = buffers;
  }
}

export interface CallOptions<Progress> {
  /** Asks the other side to stop; the promise settles with what it answers. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  transfer?: Transferable[];
}

export interface HandlerContext<Progress> {
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
  readonly progress: (body: Progress) => void;
}

/** One handler per call of the map; a missing one does not compile. */
export type Handlers<C extends CallMap<C>> = {
  [N in keyof C]: (
    req: C[N]['req'],
    context: HandlerContext<C[N]['progress']>,
  ) => Promise<C[N]['res'] | Transferred<C[N]['res']>>;
};

interface Pending {
  resolve(body: unknown): void;
  reject(error: Error): void;
  progress(body: unknown): void;
  done(): void;
}

/** The calling side. */
export class RpcClient<C extends CallMap<C>, E> {
  readonly #endpoint: Endpoint;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, Set<(body: never) => void>>();
  #nextId = 1;
  #gone: Error | null = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    endpoint.addEventListener('message', this.#receive);
    endpoint.start?.();
  }

  /** @throws RemoteError what the handler threw; the error given to {@link dispose} when the other side is gone. */
  call<N extends keyof C & string>(
    name: N,
    req: C[N]['req'],
    options: CallOptions<C[N]['progress']> = {},
  ): Promise<C[N]['res']> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#nextId++;
    const { signal, onProgress, transfer = [] } = options;
    return new Promise((resolve, reject) => {
      const cancel = (): void => this.#endpoint.postMessage({ kind: 'cancel', id } satisfies Message, []);
      this.#pending.set(id, {
        resolve,
        reject,
        progress: (body) => onProgress?.(body),
        done: () => signal?.removeEventListener('abort', cancel),
      });
      try {
        const message: Message = { kind: 'request', id, name, body: req };
        this.#endpoint.postMessage(message, transfer);
        if (signal?.aborted) cancel();
        else signal?.addEventListener('abort', cancel, { once: true });
      } catch (error) {
        this.#pending.delete(id);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Hear an event. @returns a function that stops it. */
  on<N extends keyof E & string>(name: N, listener: (body: E[N]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set<(body: never) => void>();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** The other side is gone: every open call is rejected with `reason`, later ones too. */
  dispose(reason: Error): void {
    if (this.#gone) return;
    this.#gone = reason;
    this.#endpoint.removeEventListener('message', this.#receive);
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of open) {
      pending.done();
      pending.reject(reason);
    }
  }

  readonly #receive = (event: MessageEvent): void => {
    // Only `serve` below writes to this endpoint, so the shape is known.
    const message = event.data as Message;
    if (message.kind === 'event') {
      // `never` is what every listener accepts; the map ties the name to its body.
      for (const listener of this.#listeners.get(message.name) ?? []) listener(message.body as never);
      return;
    }
    if (message.kind === 'request' || message.kind === 'cancel') return;
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.kind === 'progress') return pending.progress(message.body);
    this.#pending.delete(message.id);
    pending.done();
    if (message.kind === 'reply') pending.resolve(message.body);
    else pending.reject(new RemoteError(message.report));
  };
}

export interface Server<E> {
  emit<N extends keyof E & string>(name: N, body: E[N], transfer?: Transferable[]): void;
  close(): void;
}

/** The answering side: runs the handlers, one call beside the other. */
export function serve<C extends CallMap<C>, E>(endpoint: Endpoint, handlers: Handlers<C>): Server<E> {
  const running = new Map<number, AbortController>();
  const post = (message: Message, transfer: Transferable[] = []): void =>
    endpoint.postMessage(message, transfer);

  const answer = async (request: Request): Promise<void> => {
    const { id } = request;
    const controller = new AbortController();
    running.set(id, controller);
    try {
      // Only RpcClient with the same map writes here; an unknown name is a version mismatch.
      const name = request.name as keyof C;
      if (!Object.hasOwn(handlers, name)) throw new Error(`internal: no handler for ${request.name}`);
      const context = {
        signal: controller.signal,
        progress: (body: unknown) => post({ kind: 'progress', id, body }),
      };
      const result = await handlers[name](request.body, context);
      if (result instanceof Transferred) post({ kind: 'reply', id, body: result.body }, result.buffers);
      else post({ kind: 'reply', id, body: result });
    } catch (error) {
      post({ kind: 'failure', id, report: toErrorReport(error) });
    } finally {
      running.delete(id);
    }
  };
  const receive = (event: MessageEvent): void => {
    const message = event.data as Message;
    if (message.kind === 'request') void answer(message);
    else if (message.kind === 'cancel') running.get(message.id)?.abort(cancelled());
  };
  endpoint.addEventListener('message', receive);
  endpoint.start?.();
  return {
    emit: (name, body, transfer = []) => post({ kind: 'event', name, body }, transfer),
    close: () => {
      endpoint.removeEventListener('message', receive);
      for (const controller of running.values()) controller.abort(cancelled());
    },
  };
}

/** The reason a handler's signal is aborted with. */
export function cancelled(): TrainerError {
  return new TrainerError('cancelled', { code: 'cancelled' });
}
