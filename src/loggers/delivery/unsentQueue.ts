import { StorageError } from '../../errors/trainerError.ts';
import type { FileSystem } from '../../contracts/fileSystem.ts';
import { fromLines, readUnsentFile, toLines, type TrackedRun } from './unsentFile.ts';

/** Records in memory at most; the others are in the file alone. */
const MAX_IN_MEMORY = 500;
const READ_BYTES = 1 << 18;
const NEWLINE = 10;

/**
 * What a logger has not delivered yet, oldest first. Each record is in a file of JSON lines from the moment it is
 * pushed until everything is delivered, so that it outlives the process; the oldest are in memory too. A file that a
 * crash left holds some that were delivered: the records carry their numbers, by which the outlet knows them. A disk
 * that fails leaves the newest in memory.
 *
 *     oldest → [front, in memory] [rest of the file] [newest, not written yet] → newest
 */
export class UnsentQueue<T> {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #onDiskError: (error: unknown) => void;
  #run: TrackedRun;
  #front: T[] = [];
  #newest: T[] = [];
  /** Records in the file behind the front. */
  #inFile = 0;
  #hasFile = false;
  #diskFailed = false;
  /** Bytes of the file that are ours, and where its part behind the front begins. */
  #fileBytes = 0;
  #readAt = 0;
  /** Everything that touches the file, one after the other; never rejects. */
  #io: Promise<void> = Promise.resolve();

  /** @param run whose records these are: the file says so in its first line */
  constructor(fs: FileSystem, path: string, run: TrackedRun, onDiskError: (error: unknown) => void) {
    this.#fs = fs;
    this.path = path;
    this.#run = run;
    this.#onDiskError = onDiskError;
  }

  /** Records not delivered. */
  get length(): number {
    return this.#front.length + this.#inFile + this.#newest.length;
  }

  /** Take over the file that an earlier process left at this path; before anything is pushed. */
  adopt(isWanted: (record: T) => boolean = () => true): Promise<void> {
    return this.#inTurn(() =>
      this.#guardDisk(async () => {
        const left = await readUnsentFile<T>(this.#fs, this.path);
        this.#newest = left?.records.filter(isWanted) ?? [];
        // Written anew: what is not wanted goes, and so does a line that the crash cut.
        if (this.#newest.length > 0) await this.#rewrite();
        else await this.#fs.remove(this.path);
      }),
    );
  }

  /** Resolves when the record is in the file, or the disk has refused it. */
  push(record: T): Promise<void> {
    this.#newest.push(record);
    return this.#inTurn(() => this.#write());
  }

  /** Say anew whose records these are, when more is known of the run. */
  describe(run: TrackedRun): Promise<void> {
    this.#run = run;
    return this.#inTurn(async () => {
      if (this.#hasFile && !this.#diskFailed) await this.#guardDisk(() => this.#rewrite());
    });
  }

  /** The oldest records, at most `max`; they stay until {@link drop}. @throws StorageError `file-changed` */
  async peek(max: number): Promise<T[]> {
    if (this.#front.length === 0) {
      await this.#inTurn(async () => {
        await this.#write();
        if (this.#front.length > 0) return;
        if (this.#inFile > 0) await this.#readFront();
        else this.#front = this.#newest.splice(0, MAX_IN_MEMORY);
      });
    }
    return this.#front.slice(0, max);
  }

  /** The oldest `count` are delivered. */
  drop(count: number): void {
    this.#front.splice(0, count);
    if (this.length === 0) this.#inTurn(() => this.#removeFile()).catch(this.#onDiskError);
  }

  /**
   * Leave the file with exactly what was not delivered.
   * @returns false when the disk refused it
   */
  async leave(): Promise<boolean> {
    await this.#io;
    if (this.length === 0) return true;
    try {
      await this.#rewrite();
      return true;
    } catch (error) {
      this.#onDiskError(error);
      return false;
    }
  }

  async #write(): Promise<void> {
    const records = this.#newest.slice();
    if (this.#diskFailed || records.length === 0) return;
    await this.#guardDisk(async () => {
      if (!this.#hasFile) await this.#append([this.#run]);
      this.#hasFile = true;
      if (this.#inFile === 0) this.#readAt = this.#fileBytes;
      await this.#append(records);
      this.#newest.splice(0, records.length);
      const fitsInMemory = this.#inFile === 0 && this.#front.length + records.length <= MAX_IN_MEMORY;
      if (!fitsInMemory) {
        this.#inFile += records.length;
        return;
      }
      this.#front.push(...records);
      this.#readAt = this.#fileBytes;
    });
  }

  async #append(values: readonly unknown[]): Promise<void> {
    const bytes = new TextEncoder().encode(toLines(values));
    await this.#fs.appendFile(this.path, bytes);
    this.#fileBytes += bytes.length;
  }

  /** Write the file anew: without what was delivered, with the newest. */
  async #rewrite(): Promise<void> {
    const newest = this.#newest.slice();
    const head = new TextEncoder().encode(toLines([this.#run, ...this.#front]));
    const rest =
      this.#inFile === 0
        ? new Uint8Array()
        : await this.#fs.readRange(this.path, this.#readAt, this.#fileBytes);
    const tail = new TextEncoder().encode(toLines(newest));
    const bytes = new Uint8Array(await new Blob([head, new Uint8Array(rest), tail]).arrayBuffer());
    await this.#fs.writeFile(this.path, bytes);
    this.#hasFile = true;
    this.#newest.splice(0, newest.length);
    this.#inFile += newest.length;
    this.#readAt = head.length;
    this.#fileBytes = bytes.length;
  }

  async #guardDisk(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#diskFailed = true;
      this.#onDiskError(error);
    }
  }

  async #readFront(): Promise<void> {
    let chunk = new Uint8Array();
    for (let end = this.#readAt; !chunk.includes(NEWLINE);) {
      end += READ_BYTES;
      const limit = Math.min(this.#fileBytes, end);
      chunk = new Uint8Array(await this.#fs.readRange(this.path, this.#readAt, limit));
      if (limit === this.#fileBytes) break;
    }
    const bytes = chunk.lastIndexOf(NEWLINE) + 1;
    const records = fromLines<T>(new TextDecoder().decode(chunk.subarray(0, bytes)));
    if (records === null || records.length === 0 || records.length > this.#inFile) {
      const lost = this.#inFile;
      this.#inFile = 0;
      throw new StorageError(
        `${this.path} must hold ${lost} records that are not delivered yet, but something else has changed it: they are lost`,
        { code: 'file-changed', path: this.path },
      );
    }
    this.#front = records;
    this.#readAt += bytes;
    this.#inFile -= records.length;
  }

  async #removeFile(): Promise<void> {
    if (this.length > 0 || !this.#hasFile) return;
    this.#hasFile = false;
    // What a failed write may have left half goes with the file.
    this.#diskFailed = false;
    this.#fileBytes = 0;
    this.#readAt = 0;
    await this.#fs.remove(this.path);
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#io.then(action);
    this.#io = turn.catch(() => undefined);
    return turn;
  }
}
