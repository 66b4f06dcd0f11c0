import type { BuildContext } from '../../../../registry/buildContext.ts';
import type { BaseRunner } from '../../../baseRunner.ts';
import { LoggerHook, type LoggerHookArgs } from '../base.ts';
import { DEFAULT_PACE, describeNews, Sender, type Outlet, type SenderPace } from './sender.ts';
import { UnsentQueue } from './unsentQueue.ts';

/** How the end of a run treats what is not delivered; milliseconds. */
export interface RemotePace extends SenderPace {
  /** Longest wait when the run is finished. */
  readonly flushMs: number;
  /** Longest wait when a person pressed Stop, or the run failed. */
  readonly stopMs: number;
}

export const REMOTE_PACE: RemotePace = { ...DEFAULT_PACE, flushMs: 15_000, stopMs: 3000 };

/** How a run ended, as trackers want to know it. */
export type RunOutcome = 'finished' | 'stopped' | 'failed';

/**
 * Base of the loggers that speak to a server. What they log is handed to a {@link Sender}: the training never waits
 * for the network, and a server that is away or refuses is told once, as a warning. The end of the run waits a
 * little; what then is left lies in `<work dir>/unsent/` and is told.
 */
export abstract class RemoteLoggerHook<T> extends LoggerHook {
  /** Of the service: `W&B`. */
  abstract readonly serviceName: string;
  protected readonly context: BuildContext;
  readonly #pace: RemotePace;
  #sender: Sender<T> | null = null;
  #queue: UnsentQueue<T> | null = null;

  constructor(args: LoggerHookArgs, context: BuildContext, pace: RemotePace = REMOTE_PACE) {
    super(args);
    this.context = context;
    this.#pace = pace;
  }

  /** The connection of this run; null: nothing is to be sent. */
  protected abstract openOutlet(runner: BaseRunner): Outlet<T> | null;

  /** The records that say how the run ended, with what is to be delivered last. */
  protected abstract lastRecords(
    runner: BaseRunner,
    outcome: RunOutcome,
  ): readonly T[] | Promise<readonly T[]>;

  override async beforeRun(runner: BaseRunner): Promise<void> {
    await super.beforeRun(runner);
    const outlet = this.openOutlet(runner);
    if (!outlet) return;
    const path = `${runner.workDir}/unsent/${runner.timestamp}_${this.hookName}.jsonl`;
    const queue = new UnsentQueue<T>(runner.fs, path, (error) =>
      runner.logger.warning(
        `${path} can't be written or read: ${error instanceof Error ? error.message : String(error)}`,
      ),
    );
    this.#queue = queue;
    this.#sender = new Sender(
      outlet,
      queue,
      (news) => {
        const message = describeNews(outlet.name, news, path);
        if (news.kind === 'back') runner.logger.info(message);
        else tellWarning(runner, `logger-${news.kind}`, message, news.reason.hint);
      },
      this.#pace,
    );
    this.#sender.open();
  }

  /** Hand a record over; returns at once. */
  protected push(record: T): void {
    this.#sender?.push(record);
  }

  override async afterRun(runner: BaseRunner): Promise<void> {
    await this.#end(runner, runner.end);
  }

  /** The run threw: say so to the server, but let nobody wait long. */
  override async afterFailure(runner: BaseRunner): Promise<void> {
    await this.#end(runner, 'failed');
  }

  async #end(runner: BaseRunner, outcome: RunOutcome): Promise<void> {
    const [sender, queue] = [this.#sender, this.#queue];
    if (!sender || !queue) return;
    for (const record of await this.lastRecords(runner, outcome)) sender.push(record);
    this.#sender = null;
    const { flushMs, stopMs } = this.#pace;
    const isFinished = outcome === 'finished';
    const unsent = await sender.close(
      isFinished ? flushMs : stopMs,
      // Stop while the last records are on their way: a person wants to go.
      () => isFinished && runner.control.isStopRequested,
    );
    const isLeft = await queue.leave();
    if (unsent === 0) return;
    const where = isLeft ? `they lie in ${queue.path}` : 'they are lost, since the disk refuses them too';
    tellWarning(
      runner,
      'logger-unsent',
      `${unsent} records were not delivered to ${this.serviceName}; ${where}`,
    );
  }
}

function tellWarning(runner: BaseRunner, code: string, message: string, hint?: string): void {
  runner.logger.warning(hint === undefined ? message : `${message} (${hint})`);
  runner.onEvent({ name: 'run.noticed', level: 'warning', code, message, hint });
}

/** A number as JSON can hold it: what isn't finite is a string, as Python's clients write it. */
export function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
