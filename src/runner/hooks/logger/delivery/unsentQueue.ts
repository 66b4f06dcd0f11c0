import type { FileSystem } from '../../../../util/fileSystem.ts';

/** Records in memory at most; more go to the file. */
const MAX_IN_MEMORY = 500;
const READ_BYTES = 1 << 18;
const NEWLINE = 10;

/**
 * What a logger has not delivered yet, oldest first. Held in memory while it is short; from {@link persist} or
 * {@link MAX_IN_MEMORY} on in a file of JSON lines, so that it neither grows without end nor dies with the process.
 * The file goes when all is delivered. A disk that fails leaves the newest in memory.
 *
 *     oldest → [front, in memory] [rest of the file] [newest, not written yet] → newest
 */
export class UnsentQueue<T> {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #onDiskError: (error: unknown) => void;
  #front: T[] = [];
  #newest: T[] = [];
  /** Records in the file behind the front. */
  #inFile = 0;
  #usesFile = false;
  #diskFailed = false;
  /** Bytes of the file that are ours, and where its part behind the front begins. */
  #fileBytes = 0;
  #readAt = 0;
  /** Everything that touches the file, one after the other; never rejects. */
  #io: Promise<void> = Promise.resolve();

  constructor(fs: FileSystem, path: string, onDiskError: (error: unknown) => void) {
    this.#fs = fs;
    this.path = path;
    this.#onDiskError = onDiskError;
  }

  /** Records not delivered. */
  get length(): number {
    return this.#front.length + this.#inFile + this.#newest.length;
  }

  push(record: T): void {
    if (!this.#usesFile && this.#newest.length === 0 && this.#front.length < MAX_IN_MEMORY) {
      this.#front.push(record);
      return;
    }
    this.#newest.push(record);
    void this.persist();
  }

  /** Put everything into the file, now and from now on, until all is delivered. */
  persist(): Promise<void> {
    return this.#run(async () => {
      if (this.#diskFailed) return;
      try {
        if (!this.#usesFile) {
          this.#usesFile = true;
          this.#readAt = await this.#append(this.#front);
        }
        const records = this.#newest.slice();
        await this.#append(records);
        this.#newest.splice(0, records.length);
        this.#inFile += records.length;
      } catch (error) {
        this.#diskFailed = true;
        this.#onDiskError(error);
      }
    });
  }

  /** The oldest records, at most `max`; they stay until {@link drop}. */
  async peek(max: number): Promise<T[]> {
    if (this.#front.length === 0) {
      await this.#run(async () => {
        if (this.#inFile > 0) await this.#readFront();
        else this.#front = this.#newest.splice(0, MAX_IN_MEMORY);
      });
    }
    return this.#front.slice(0, max);
  }

  /** The oldest `count` are delivered. */
  drop(count: number): void {
    this.#front.splice(0, count);
    if (this.length === 0) void this.#run(() => this.#removeFile());
  }

  /**
   * Leave the file with exactly what was not delivered.
   * @returns false when the disk refused it
   */
  async leave(): Promise<boolean> {
    await this.#io;
    if (this.length === 0) return true;
    try {
      const rest =
        this.#inFile === 0
          ? new Uint8Array()
          : await this.#fs.readRange(this.path, this.#readAt, this.#fileBytes);
      const text = new TextDecoder().decode(rest);
      await this.#fs.writeFile(this.path, toLines(this.#front) + text + toLines(this.#newest));
      return true;
    } catch (error) {
      this.#onDiskError(error);
      return false;
    }
  }

  /** @returns bytes written */
  async #append(records: readonly T[]): Promise<number> {
    if (records.length === 0) return 0;
    const bytes = new TextEncoder().encode(toLines(records));
    await this.#fs.appendFile(this.path, bytes);
    this.#fileBytes += bytes.length;
    return bytes.length;
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
    const lines = new TextDecoder().decode(chunk.subarray(0, bytes)).split('\n').slice(0, -1);
    this.#front = lines.map((line) => JSON.parse(line) as T);
    this.#readAt += bytes;
    this.#inFile -= lines.length;
  }

  async #removeFile(): Promise<void> {
    if (this.length > 0 || !this.#usesFile) return;
    this.#usesFile = false;
    this.#fileBytes = 0;
    this.#readAt = 0;
    await this.#fs.remove(this.path);
  }

  #run(action: () => Promise<void>): Promise<void> {
    const turn = this.#io.then(action);
    this.#io = turn.catch(this.#onDiskError);
    return turn;
  }
}

function toLines(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
