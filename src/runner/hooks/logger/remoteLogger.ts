import { joinPath } from '../../../storage/path.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import type { FileSystem } from '../../../contracts/fileSystem.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { hookKeyOf } from '../../hookKeys.ts';
import type { HookState } from '../hook.ts';
import { LoggerHook, type LoggerHookArgs } from './base.ts';
import { tellWarning } from './tellWarning.ts';
import type { OpenedRun, OutletParts, UploadRecord } from '../../../loggers/delivery/outlet.ts';
import {
  DEFAULT_PACE,
  describeNews,
  Sender,
  type Outlet,
  type SenderNews,
  type SenderPace,
} from '../../../loggers/delivery/sender.ts';
import {
  readUnsentFile,
  unsentFolder,
  type TrackedRunSettings,
  type TrackingService,
} from '../../../loggers/delivery/unsentFile.ts';
import { UnsentQueue } from '../../../loggers/delivery/unsentQueue.ts';

/** How the end of a run treats what is not delivered; milliseconds. */
export interface RemotePace extends SenderPace {
  /** Longest wait without progress when the run is finished. */
  readonly flushMs: number;
  /** Longest wait without progress when a person pressed Stop, or the run failed. */
  readonly stopMs: number;
}

export const REMOTE_PACE: RemotePace = { ...DEFAULT_PACE, flushMs: 15_000, stopMs: 3000 };

/** How a run ended, as trackers want to know it. */
export type RunOutcome = 'finished' | 'stopped' | 'failed';

/** From a file of unsent records to the server. */
interface Line<T> {
  readonly sender: Sender<T | UploadRecord>;
  readonly queue: UnsentQueue<T | UploadRecord>;
}

/** What a checkpoint keeps of the run on the server. */
interface SavedRun<S> {
  readonly settings: S;
  /** Numbered records logged until then. */
  readonly records: number;
  /** Where those lie that were not delivered. */
  readonly unsent: string;
}

/**
 * Base of the loggers that speak to a server. What they log is handed to a {@link Sender}: it is written into
 * `<work dir>/unsent/` and delivered in the background, so that the training never waits for the network and a kill
 * loses nothing. A server that is away or refuses is told once, as a warning. The end of the run waits as long as
 * something gets on; what then is left lies in the file and is told.
 *
 * A resumed run goes on with the run on the server that its checkpoint belongs to, and delivers what was left. So does
 * a new run in the same work dir, for the runs before it.
 */
export abstract class RemoteLoggerHook<
  T extends { readonly kind: string; readonly n?: number },
  S extends TrackedRunSettings,
> extends LoggerHook {
  /** Of the service: `W&B`. */
  abstract readonly serviceName: string;
  abstract readonly service: TrackingService;
  protected readonly context: BuildContext;
  readonly #pace: RemotePace;
  #saved: SavedRun<S> | null = null;
  #settings: S | null = null;
  #records = 0;
  #unsent = '';
  #own: Line<T> | null = null;
  /** Deliver what earlier runs left. */
  readonly #older: Line<T>[] = [];

  constructor(args: LoggerHookArgs, context: BuildContext, pace: RemotePace = REMOTE_PACE) {
    super(args);
    this.context = context;
    this.#pace = pace;
  }

  /**
   * The run on the server.
   * @param saved that of the checkpoint: to be gone on with unless the config names another one
   * @returns null when nothing is to be sent
   */
  protected abstract settingsOf(saved: S | null): S | null;

  /** True when both are on the same server. */
  protected abstract isSameServer(a: S, b: S): boolean;

  protected abstract makeOutlet(settings: S, parts: OutletParts<S>): Outlet<T | UploadRecord>;

  /** What is still to be logged, and how the run ended. */
  protected abstract lastRecords(outcome: RunOutcome): readonly T[];

  /** What is delivered behind that. */
  protected abstract lastFiles(runner: BaseRunner, outcome: RunOutcome): Promise<readonly UploadRecord[]>;

  override async beforeRun(runner: BaseRunner): Promise<void> {
    await super.beforeRun(runner);
    const wanted = this.settingsOf(this.#saved?.settings ?? null);
    if (!wanted) return;
    const folder = unsentFolder(runner.workDir);
    const prefix = `${hookKeyOf(runner.hooks, this).replace('#', '-')}_`;
    this.#unsent = joinPath(folder, `${prefix}${wanted.key.replace(/[^\w.-]/g, '_')}.jsonl`);
    if (this.#saved?.settings.key !== wanted.key) this.#saved = await this.#readLeft(runner, wanted.key);
    else await this.#takeAlong(runner, this.#saved.unsent);
    const saved = this.#saved;
    const settings = (saved && this.settingsOf(saved.settings)) ?? wanted;
    this.#settings = settings;
    this.#records = saved?.records ?? 0;
    const isContinued = saved !== null;
    this.#own = await this.#connect(runner, this.#unsent, settings, { isContinued, isLive: true });
    this.#own.sender.open();
    try {
      await this.#sendOlder(runner, folder, prefix, settings);
    } catch (error) {
      runner.logger.warning(`${folder} can't be read: ${messageOf(error)}`);
    }
  }

  /** The number of the next record that has one. */
  protected takeNumber(): number {
    return this.#records++;
  }

  /** Hand a record over; resolves when it is on the disk. */
  protected async push(record: T): Promise<void> {
    await this.#own?.sender.push(record);
  }

  override stateDict(): HookState | undefined {
    if (!this.#settings) return undefined;
    // As text: what a person put into the config may be anything.
    return { run: JSON.stringify(this.#settings), records: this.#records, unsent: this.#unsent };
  }

  override loadStateDict({ run, records, unsent }: HookState): void {
    const settings = JSON.parse(String(run)) as S;
    this.#saved = { settings, records: Number(records), unsent: String(unsent) };
  }

  override async afterRun(runner: BaseRunner): Promise<void> {
    await this.#end(runner, runner.end);
  }

  /** The run threw: say so to the server, but let nobody wait long. */
  override async afterFailure(runner: BaseRunner): Promise<void> {
    await this.#end(runner, 'failed');
  }

  /** A config that names its run may have left records of it, though no checkpoint knows: they come first. */
  async #readLeft({ fs, logger }: BaseRunner, key: string): Promise<SavedRun<S> | null> {
    try {
      const left = await readUnsentFile<T>(fs, this.#unsent);
      if (left?.run.settings.key !== key) return null;
      const records = Math.max(0, ...left.records.map(({ n = -1 }) => n + 1));
      return { settings: left.run.settings as S, records, unsent: this.#unsent };
    } catch (error) {
      logger.warning(`${this.#unsent} can't be read: ${messageOf(error)}`);
      return null;
    }
  }

  /** A run that is resumed in another folder takes along what it left. */
  async #takeAlong({ fs, logger }: BaseRunner, left: string): Promise<void> {
    if (left === this.#unsent) return;
    try {
      if (await fs.stat(left)) await fs.rename(left, this.#unsent);
    } catch (error) {
      logger.warning(`${left} can't be moved to ${this.#unsent}: ${messageOf(error)}`);
    }
  }

  /** Connect a file of unsent records with the server. */
  async #connect(
    runner: BaseRunner,
    path: string,
    settings: S,
    { isContinued, isLive }: { isContinued: boolean; isLive: boolean },
  ): Promise<Line<T>> {
    const queue = new UnsentQueue<T | UploadRecord>(runner.fs, path, this.#trackedRun(settings), (error) =>
      runner.logger.warning(`${path} can't be written or read: ${messageOf(error)}`),
    );
    // How an earlier process ended says nothing about a run that goes on.
    await queue.adopt((record) => !isLive || record.kind !== 'end');
    const outlet = this.makeOutlet(settings, {
      fs: runner.fs,
      isContinued,
      isLive,
      onOpen: (opened) => {
        if (isLive) this.#greet(runner, opened, queue);
      },
      onSkip: (message) => runner.logger.warning(message),
    });
    const tell = (news: SenderNews): void => {
      const message = describeNews(outlet.name, news, path);
      if (news.kind === 'back') runner.logger.info(message);
      // One outage is told once: by the run that goes on.
      else if (isLive) tellWarning(runner, `logger-${news.kind}`, message, news.reason.hint);
    };
    return { queue, sender: new Sender(outlet, queue, tell, this.#pace) };
  }

  #greet(runner: BaseRunner, { url, settings, known }: OpenedRun<S>, queue: Line<T>['queue']): void {
    runner.logger.info(`${this.serviceName}: view the run at ${url}`);
    const surplus = known - (this.#saved?.records ?? 0);
    if (surplus > 0)
      runner.logger.info(
        `${this.serviceName} has ${surplus} records from behind the checkpoint already; they are not sent again`,
      );
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    void queue.describe(this.#trackedRun(settings));
  }

  /** Deliver what this logger left in the same folder in other runs. */
  async #sendOlder(runner: BaseRunner, folder: string, prefix: string, own: S): Promise<void> {
    for (const { name } of await runner.fs.list(folder)) {
      const path = joinPath(folder, name);
      if (!name.startsWith(prefix) || path === this.#unsent) continue;
      const left = await readUnsentFile(runner.fs, path);
      const settings = left?.run.settings as S | undefined;
      if (!settings || left?.run.service !== this.service || !this.isSameServer(settings, own)) continue;
      const line = await this.#connect(runner, path, settings, { isContinued: true, isLive: false });
      runner.logger.info(
        `${this.serviceName}: ${line.queue.length} records that an earlier run left in ${path} are sent now`,
      );
      line.sender.open();
      this.#older.push(line);
    }
  }

  async #end(runner: BaseRunner, outcome: RunOutcome): Promise<void> {
    const own = this.#own;
    if (!own) return;
    this.#own = null;
    // First of all how it ended: files may take long, or never arrive.
    for (const record of this.lastRecords(outcome)) await own.sender.push(record);
    try {
      for (const file of await this.lastFiles(runner, outcome)) await own.sender.push(file);
    } catch (error) {
      runner.logger.warning(`${this.serviceName} gets no files: ${messageOf(error)}`);
    }
    const { flushMs, stopMs } = this.#pace;
    const isFinished = outcome === 'finished';
    // Stop while the last records are on their way: a person wants to go.
    const isHurried = (): boolean => isFinished && runner.control.isStopRequested;
    const lines = [own, ...this.#older.splice(0)];
    await Promise.all(
      lines.map((line) => this.#close(runner, line, isFinished ? flushMs : stopMs, isHurried)),
    );
    await removeIfEmpty(runner.fs, unsentFolder(runner.workDir));
  }

  async #close(
    runner: BaseRunner,
    { sender, queue }: Line<T>,
    limitMs: number,
    isHurried: () => boolean,
  ): Promise<void> {
    const unsent = await sender.close(limitMs, isHurried);
    const isLeft = await queue.leave();
    if (unsent === 0) return;
    const where = isLeft ? `they lie in ${queue.path}` : 'they are lost, since the disk refuses them too';
    tellWarning(
      runner,
      'logger-unsent',
      `${unsent} records were not delivered to ${this.serviceName}; ${where}`,
      isLeft ? `resuming the run sends them, or tabtrain send-unsent ${runner.workDir}` : undefined,
    );
  }

  #trackedRun(settings: S): { kind: 'run'; service: TrackingService; settings: S } {
    return { kind: 'run', service: this.service, settings };
  }
}

async function removeIfEmpty(fs: FileSystem, folder: string): Promise<void> {
  try {
    if ((await fs.list(folder)).length === 0) await fs.remove(folder);
  } catch {
    // An empty folder harms nobody.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A number as JSON can hold it: what isn't finite is a string, as Python's clients write it. */
export function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
