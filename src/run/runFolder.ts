import { StorageError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { heldBy, type Lock, type Locks } from '../contracts/locks.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import { createLogger, type Logger } from '../runner/logger.ts';
import { sweepPartials } from '../runner/partialFile.ts';
import { runRecordPath, writeRunRecord, type RunRecord, type RunRecordStatus } from './runRecord.ts';

export interface RunFolderOptions {
  readonly fs: FileSystem;
  /** The work dir. */
  readonly path: string;
  /** Absent: nobody else can come by. */
  readonly locks?: Locks;
  /** What the lock says to those it keeps away: `training of a.py by me@lab-3`. */
  readonly owner: string;
  /** `%Y%m%d_%H%M%S`; names the text log. */
  readonly timestamp: string;
  readonly onEvent: RunListener;
}

/**
 * The work dir of one run: its lock, record, config copy and text log. Nothing is written before the run begins, and in a
 * folder with earlier files before it has trained an iteration ({@link claim}): a run that fails before leaves it as it was.
 */
export class RunFolder {
  readonly path: string;
  readonly logger: Logger;
  /** What {@link claim} writes; null before the config is read. */
  record: RunRecord | null = null;
  readonly #fs: FileSystem;
  readonly #lock: Lock | null;
  readonly #copies = new Map<string, string>();
  /** Log lines that wait for the claim; null from then on. */
  #heldLog: string[] | null = [];
  readonly #hasEarlierFiles: boolean;
  #isClaimed = false;
  readonly #logPath: string;

  private constructor(options: RunFolderOptions, lock: Lock | null, hasEarlierFiles: boolean) {
    const { fs, path, onEvent } = options;
    this.#fs = fs;
    this.path = path;
    this.#lock = lock;
    this.#hasEarlierFiles = hasEarlierFiles;
    this.#logPath = `${path}/${options.timestamp}.log`;
    const appendFile = async (at: string, text: string): Promise<void> => {
      if (this.#heldLog) this.#heldLog.push(text);
      else await fs.appendFile(at, text);
    };
    this.logger = createLogger({ appendFile }, this.#logPath, onEvent);
  }

  /**
   * Take the folder, and delete what killed runs left half-written in it.
   * @throws StorageError `work-dir-busy` when another run works in it
   */
  static async open(options: RunFolderOptions): Promise<RunFolder> {
    const { fs, path, locks, owner } = options;
    const lock = (await locks?.tryAcquire(path, owner)) ?? null;
    if (lock?.kind === 'held') {
      throw new StorageError(`one run at a time can work in ${path}, but another one does: ${heldBy(lock)}`, {
        code: 'work-dir-busy',
        path,
        hint: 'wait for it, stop it, or give this run another work_dir (--work-dir)',
      });
    }
    try {
      await sweepPartials(fs, path);
      const isThere = (await fs.stat(path))?.kind === 'directory';
      return new RunFolder(options, lock, isThere && (await fs.list(path)).length > 0);
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  /** Whether files of this run may lie in the folder. */
  get isClaimed(): boolean {
    return this.#isClaimed;
  }

  /** Keep a text to be written with the claim. @param name inside the folder */
  keep(name: string, text: string): void {
    this.#copies.set(name, text);
  }

  /** Make a folder without earlier files this run's at once. */
  async begin(): Promise<void> {
    if (!this.#hasEarlierFiles) await this.claim();
  }

  /**
   * Make the folder this run's: the first call writes record, kept texts and log, the later ones see whether it is still there.
   * @throws StorageError `work-dir-gone`
   */
  readonly claim = async (): Promise<void> => {
    const { record } = this;
    if (!record) return;
    if (this.#isClaimed) {
      if (await this.#fs.stat(runRecordPath(this.path))) return;
      throw new StorageError(
        `the work dir ${this.path} must stay while its run goes on, but it was deleted or moved`,
        {
          code: 'work-dir-gone',
          path: this.path,
        },
      );
    }
    await this.#writeFirst(record);
  };

  /** Write how the run ended, unless the folder still is an earlier run's. */
  async end(status: RunRecordStatus, message: string | null): Promise<void> {
    await this.logger.flush();
    if (!this.record) return;
    const record = { ...this.record, status, endedMs: Date.now(), message };
    if (this.#isClaimed) {
      await this.claim();
      await writeRunRecord(this.#fs, this.path, record);
    } else if (!this.#hasEarlierFiles) await this.#writeFirst(record);
  }

  async #writeFirst(record: RunRecord): Promise<void> {
    for (const [name, text] of this.#copies) await this.#fs.writeFile(`${this.path}/${name}`, text);
    await writeRunRecord(this.#fs, this.path, record);
    this.#isClaimed = true;
    const held = this.#heldLog ?? [];
    this.#heldLog = null;
    if (held.length > 0) await this.#fs.appendFile(this.#logPath, held.join(''));
  }

  /** Let others have the folder. */
  async release(): Promise<void> {
    await this.#lock?.release();
  }
}
