import { assertNever } from '../../errors/invariant.ts';
import { TrainerError } from '../../errors/trainerError.ts';
import { DeliveryError, REQUEST_TIMEOUT_MS } from './http.ts';
import type { UnsentQueue } from './unsentQueue.ts';

/** What a delivery may take. */
export interface Delivery {
  readonly signal: AbortSignal;
  /** To be called whenever a long upload gets on. */
  onProgress(): void;
  /** An upload that doesn't move for this long is given up; milliseconds. */
  readonly stallMs: number;
}

/** Where a logger's records go. */
export interface Outlet<T> {
  /** Said in messages: `W&B`. */
  readonly name: string;
  /** True: the server wants to hear now and then that the run is alive. */
  readonly needsHeartbeat: boolean;
  /**
   * Deliver the first of some records, in order, after opening the run if need be. Called again with the same and newer
   * records when it throws, so sending twice must do no harm. Without records it opens the run, or tells that it is
   * alive.
   * @returns how many the server has now; at least one when there are any
   * @throws DeliveryError
   */
  send(records: readonly T[], delivery: Delivery): Promise<number>;
}

/** How fast to send and to try again; milliseconds. */
export interface SenderPace {
  /** Between two deliveries: records that come meanwhile go together. */
  readonly gapMs: number;
  /** Wait after the first failure; doubles each time. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** Longest wait between two tries while the end of the run waits for the rest. */
  readonly lastRetryMs: number;
  /** A run without records is said to be alive this often. */
  readonly heartbeatMs: number;
  /** An upload that doesn't move for this long is given up. */
  readonly stallMs: number;
}

export const DEFAULT_PACE: SenderPace = {
  gapMs: 2000,
  firstRetryMs: 1000,
  maxRetryMs: 60_000,
  lastRetryMs: 1000,
  heartbeatMs: 30_000,
  stallMs: REQUEST_TIMEOUT_MS,
};

/** What a person should hear; each kind is told once per outage. */
export type SenderNews =
  | { readonly kind: 'away'; readonly reason: DeliveryError }
  | { readonly kind: 'back'; readonly waited: number }
  | { readonly kind: 'refused'; readonly reason: DeliveryError };

const MAX_BATCH = 200;

/**
 * Delivers records in the background, in order, without the training ever waiting for the network. A server that is
 * away is tried again with growing pauses; meanwhile the records lie in the queue's file. One that refuses is not asked
 * again.
 */
export class Sender<T> {
  readonly #outlet: Outlet<T>;
  readonly #queue: UnsentQueue<T>;
  readonly #tell: (news: SenderNews) => void;
  readonly #pace: SenderPace;
  readonly #abort = new AbortController();
  #pumping: Promise<void> | null = null;
  #state: 'fine' | 'away' | 'refused' = 'fine';
  #isOpen = false;
  #isClosing = false;
  #isHeartbeatDue = false;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  #lastProgressMs = 0;
  #wake: () => void = () => undefined;

  constructor(
    outlet: Outlet<T>,
    queue: UnsentQueue<T>,
    tell: (news: SenderNews) => void,
    pace: SenderPace = DEFAULT_PACE,
  ) {
    this.#outlet = outlet;
    this.#queue = queue;
    this.#tell = tell;
    this.#pace = pace;
  }

  /** Open the run before there is anything to deliver, so that a wrong key or address is told early. */
  open(): void {
    this.#start();
  }

  /** Take a record. Resolves when it is on the disk, where it outlives the process until it is delivered. */
  push(record: T): Promise<void> {
    const written = this.#queue.push(record);
    this.#start();
    return written;
  }

  /**
   * Deliver what is left, unless nothing gets on for `limitMs`; the rest stays in the queue's file.
   * @param isHurried asked now and then: true ends the waiting
   * @returns how many records were not delivered
   */
  async close(limitMs: number, isHurried: () => boolean = () => false): Promise<number> {
    this.#isClosing = true;
    clearTimeout(this.#heartbeat);
    this.#lastProgressMs = Date.now();
    this.#start();
    this.#wake();
    const left = (): number => this.#lastProgressMs + limitMs - Date.now();
    while (this.#pumping && left() > 0 && !isHurried()) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(100, left()));
      });
      await Promise.race([this.#pumping, pause]);
      clearTimeout(timer);
    }
    this.#abort.abort();
    this.#wake();
    await this.#pumping;
    return this.#queue.length;
  }

  #start(): void {
    if (this.#pumping || this.#state === 'refused' || this.#abort.signal.aborted || !this.#hasWork) return;
    this.#pumping = this.#pump().finally(() => {
      this.#pumping = null;
      // A record may have come after the last look.
      this.#start();
    });
  }

  get #hasWork(): boolean {
    return !this.#isOpen || this.#isHeartbeatDue || this.#queue.length > 0;
  }

  async #pump(): Promise<void> {
    const { signal } = this.#abort;
    let retryMs = this.#pace.firstRetryMs;
    while (this.#hasWork && !signal.aborted) {
      try {
        await this.#deliver();
      } catch (error) {
        if (signal.aborted) return;
        const failure = asDeliveryError(error);
        this.#fail(failure);
        if (failure.isFinal) return;
        const wished = Math.max(retryMs, failure.retryAfterMs ?? 0);
        await this.#sleep(() => (this.#isClosing ? Math.min(this.#pace.lastRetryMs, wished) : wished));
        retryMs = Math.min(this.#pace.maxRetryMs, retryMs * 2);
        continue;
      }
      retryMs = this.#pace.firstRetryMs;
      if (this.#state === 'away') this.#tell({ kind: 'back', waited: this.#queue.length });
      this.#state = 'fine';
      if (this.#queue.length === 0) break;
      await this.#sleep(() => (this.#isClosing ? 0 : this.#pace.gapMs));
    }
    if (!signal.aborted) await this.#sleep(() => (this.#isClosing ? 0 : this.#pace.gapMs));
  }

  async #deliver(): Promise<void> {
    const records = await this.#queue.peek(MAX_BATCH);
    const onProgress = (): void => void (this.#lastProgressMs = Date.now());
    const delivery = { signal: this.#abort.signal, onProgress, stallMs: this.#pace.stallMs };
    const taken = await this.#untilAborted(this.#outlet.send(records, delivery));
    this.#isOpen = true;
    this.#queue.drop(taken);
    onProgress();
    this.#planHeartbeat();
  }

  #planHeartbeat(): void {
    this.#isHeartbeatDue = false;
    clearTimeout(this.#heartbeat);
    if (this.#isClosing || !this.#outlet.needsHeartbeat) return;
    this.#heartbeat = setTimeout(() => {
      this.#isHeartbeatDue = true;
      this.#start();
    }, this.#pace.heartbeatMs);
  }

  /** An outlet may wait for a person (the key): the end of the run does not. */
  async #untilAborted(delivery: Promise<number>): Promise<number> {
    let stop = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(new Error('aborted'));
      this.#abort.signal.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([delivery, aborted]);
    } finally {
      this.#abort.signal.removeEventListener('abort', stop);
      // When it was left behind, how it ends is nobody's concern.
      delivery.catch(() => undefined);
    }
  }

  #fail(reason: DeliveryError): void {
    const before = this.#state;
    this.#state = reason.isFinal ? 'refused' : 'away';
    if (before !== this.#state) this.#tell({ kind: this.#state, reason });
  }

  /** @param howLong asked again when something wakes the sender */
  async #sleep(howLong: () => number): Promise<void> {
    const start = Date.now();
    for (;;) {
      const left = this.#abort.signal.aborted ? 0 : start + howLong() - Date.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Anything else that is thrown (a damaged file, our own mistake) won't be mended by trying again. */
function asDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const text = error instanceof TrainerError ? message : `internal: ${message}`;
  return new DeliveryError(text, { isFinal: true, cause: error });
}

/** What to log about it. */
export function describeNews(name: string, news: SenderNews, path: string): string {
  switch (news.kind) {
    case 'away':
      return `${name} is away: ${news.reason.message}. Training goes on; what it logs waits in ${path} and is sent when the server is back`;
    case 'back':
      return `${name} is back; ${news.waited === 0 ? 'everything is delivered' : `${news.waited} records wait for their turn`}`;
    case 'refused':
      return `nothing more is sent to ${name} in this run: ${news.reason.message}. What is logged stays in ${path}`;
    default:
      return assertNever(news, 'sender news');
  }
}
