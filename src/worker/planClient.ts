// Plans from the plan worker. One that hangs is ended and told by the place where it hangs; the next plan gets a new worker.

import type { ArgumentDocs } from '../contracts/argumentDocs.ts';
import { RunError, UserCodeError } from '../errors/trainerError.ts';
import { formatSpan, pointSpan, type Span } from '../errors/span.ts';
import { RpcClient } from './channel.ts';
import { Connection, type WhenReleased, type WorkerLike } from './connection.ts';
import type { Plan, PlanCalls, WorkerSigns } from './protocol.ts';

type Client = RpcClient<PlanCalls, WorkerSigns>;

/** How long a worker may be silent. */
export interface Patience {
  /** While a module is imported. Its guard throws after 5 s: what is silent longer has no guard (a regular expression). */
  readonly importMs: number;
  /** Behind another place in a module: our own work, such as reading annotations, may follow it. */
  readonly moduleMs: number;
  /** In our own work. */
  readonly ownMs: number;
}

export const PATIENCE: Patience = { importMs: 9000, moduleMs: 20_000, ownMs: 120_000 };
const CHECKS = 10;

interface Open {
  /** Its last sign: of progress, of a place in a module. */
  startedMs: number;
}

export class PlanClient {
  readonly #create: () => WorkerLike;
  readonly #whenReleased: WhenReleased;
  readonly #patience: Patience;
  #connection: Connection<Client> | null = null;
  readonly #open = new Set<Open>();
  #timer: ReturnType<typeof setInterval> | null = null;
  /** When the worker last said or answered something. */
  #heardMs = 0;
  #isPinged = false;
  #part = '';
  /** Where a module was entered since the part was begun. */
  #place: Span | null = null;

  constructor(create: () => WorkerLike, whenReleased: WhenReleased, patience = PATIENCE) {
    this.#create = create;
    this.#whenReleased = whenReleased;
    this.#patience = patience;
  }

  get isAlive(): boolean {
    return this.#connection !== null;
  }

  /**
   * What a run of the config would be.
   * @throws UserCodeError `endless-loop` when a module hangs, RunError when the worker is gone
   */
  async describe(configPath: string): Promise<Plan> {
    for (let isRetry = false; ; isRetry = true) {
      const connection = (this.#connection ??= this.#connect());
      const call: Open = { startedMs: performance.now() };
      this.#begin(call);
      try {
        return await connection.client.call(
          'config.describe',
          { configPath },
          {
            onProgress: ({ part }) => {
              this.#heard();
              this.#part = part;
              this.#place = null;
            },
          },
        );
      } catch (error) {
        // Asked behind the plan that hung: the module may be mended by now.
        if (connection.isEnded && !isRetry && call.startedMs > this.#heardMs) continue;
        throw error;
      } finally {
        this.#finish(call);
      }
    }
  }

  /** What configs may hold. @throws RunError when the worker is gone */
  describeArguments(): Promise<ArgumentDocs> {
    const connection = (this.#connection ??= this.#connect());
    return connection.client.call('arguments.describe', {});
  }

  /** End the worker. */
  end(): void {
    this.#connection?.end(new RunError('the plan worker was ended', { code: 'worker-ended' }));
    this.#connection = null;
  }

  #connect(): Connection<Client> {
    const worker = this.#create();
    const client: Client = new RpcClient(worker);
    const connection = new Connection(worker, client, () => (this.#connection = null), 'the plan worker');
    client.on('worker.alive', ({ lock }) => void connection.watch(lock, this.#whenReleased));
    client.on('module.busy', ({ file, line, column }) => {
      this.#heard();
      this.#place = pointSpan(file, line, column);
    });
    this.#part = '';
    this.#place = null;
    this.#heardMs = performance.now();
    this.#isPinged = false;
    return connection;
  }

  #heard(): void {
    this.#heardMs = performance.now();
  }

  #begin(call: Open): void {
    if (this.#open.size === 0) {
      this.#heard();
      // What the last plan did has nothing to do with this one.
      this.#part = '';
      this.#place = null;
    }
    this.#open.add(call);
    this.#timer ??= setInterval(() => this.#check(), this.#patience.importMs / CHECKS);
  }

  #finish(call: Open): void {
    this.#open.delete(call);
    if (this.#open.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    const connection = this.#connection;
    if (!connection) return;
    const silentMs = performance.now() - this.#heardMs;
    if (silentMs >= this.#limitMs()) return connection.lose(this.#hangError(silentMs / 1000));
    if (this.#isPinged) return;
    this.#isPinged = true;
    // Rejected with the worker's end, which the plan's own call tells.
    connection.client.call('worker.ping', {}).then(
      () => {
        if (connection !== this.#connection) return;
        this.#isPinged = false;
        this.#heard();
      },
      () => undefined,
    );
  }

  #limitMs(): number {
    const { importMs, moduleMs, ownMs } = this.#patience;
    if (!this.#place) return ownMs;
    return this.#part === 'modules' ? importMs : moduleMs;
  }

  #hangError(seconds: number): Error {
    const span = this.#place;
    if (span)
      return new UserCodeError(
        `the code must come to an end, but nothing was heard of it for ${Math.round(seconds)} s`,
        {
          code: 'endless-loop',
          span,
          hint: `it hangs at or behind ${formatSpan(span)}: an endless loop, or a regular expression that takes for ever?`,
        },
      );
    return new RunError(`nothing was heard of the plan worker for ${Math.round(seconds)} s`, {
      code: 'worker-hangs',
      hint: 'It was ended; the next edit starts another.',
    });
  }
}
