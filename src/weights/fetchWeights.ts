// Gets published weights into `checkpoints/`, once.

import type { FileSystem } from '../contracts/fileSystem.ts';
import { RunError, StorageError, TrainerError } from '../errors/trainerError.ts';
import { isGraphModel, weightFiles } from '../serialization/tfjsGraph/graphModel.ts';
import { placeOf, placesOf, type WeightsPlace } from './addresses.ts';

/** Where fetched, imported and dropped weights are kept. */
export const WEIGHTS_FOLDER = 'checkpoints';

export interface FetchProgress {
  readonly name: string;
  readonly bytes: number;
  /** Null where the host doesn't say. */
  readonly total: number | null;
}

export interface FetchOptions {
  /** Told about twice a second. */
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly onFetched?: (path: string, url: string) => void;
  /** Ends the transfer; what came is kept, and the next one goes on there. */
  readonly signal?: AbortSignal;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

const PROGRESS_MS = 500;
/** Bytes are written in pieces of at least this. */
const PIECE_BYTES = 2 ** 20;
const MAX_BREAKS = 3;

/**
 * The file of an address, fetched unless it is there.
 * @returns its path: of a plain path itself
 * @throws ConfigError `unknown-address`; RunError `weights-not-fetched` with what to do by hand; `cancelled`; StorageError `storage-full`
 */
export async function localWeights(
  fs: FileSystem,
  address: string,
  options: FetchOptions = {},
): Promise<string> {
  const places = placesOf(address);
  if (!places) return address;
  const kept = await keptFile(fs, places);
  const failures: string[] = [];
  const candidates = kept ? places.filter(({ name }) => `${WEIGHTS_FOLDER}/${name}` === kept) : places;
  for (const place of candidates) {
    try {
      const path = kept ?? (await fetchOne(fs, place, options));
      await fetchCompanions(fs, path, place, options);
      return path;
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      failures.push(error.message);
    }
  }
  const last = places.at(-1);
  throw new RunError(`the weights ${address} could not be fetched: ${failures.join('; ')}`, {
    code: 'weights-not-fetched',
    hint: `get ${last?.url ?? address} with a browser and drop it on the page, or put it into ${WEIGHTS_FOLDER}/ as ${last?.name ?? ''}: it is taken from there from then on`,
  });
}

/** The path of an address's file that is there already; null: none is. */
export async function keptWeights(fs: FileSystem, address: string): Promise<string | null> {
  return keptFile(fs, placesOf(address) ?? []);
}

async function keptFile(fs: FileSystem, places: readonly WeightsPlace[]): Promise<string | null> {
  for (const { name } of places) {
    const path = `${WEIGHTS_FOLDER}/${name}`;
    if ((await fs.stat(path))?.kind === 'file') return path;
  }
  return null;
}

/** A graph model's weights lie in files of their own beside it. */
async function fetchCompanions(
  fs: FileSystem,
  path: string,
  { url }: WeightsPlace,
  options: FetchOptions,
): Promise<void> {
  if (!path.endsWith('.json')) return;
  const text = await fs.readText(path);
  if (!isGraphModel(text)) return;
  for (const file of weightFiles(text)) {
    const place = placeOf(new URL(file, url).href);
    if ((await fs.stat(`${WEIGHTS_FOLDER}/${place.name}`))?.kind !== 'file')
      await fetchOne(fs, place, options);
  }
}

/** Why one place gave nothing; another may. */
class TransferError extends Error {
  override readonly name = 'TransferError';
}

/** A transfer that had begun. */
class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

async function fetchOne(fs: FileSystem, place: WeightsPlace, options: FetchOptions): Promise<string> {
  const path = `${WEIGHTS_FOLDER}/${place.name}`;
  const part = `${path}.part`;
  for (let breaks = 0; ;) {
    try {
      await transfer(fs, place, part, options);
      break;
    } catch (error) {
      throwIfAborted(options.signal);
      if (error instanceof TransferError || error instanceof TrainerError) throw error;
      breaks += 1;
      if (breaks < MAX_BREAKS && error instanceof BrokenOff) continue;
      throw new TransferError(`${hostOf(place)} ${describe(error)}`);
    }
  }
  await verify(fs, part, place);
  await fs.rename(part, path);
  options.onFetched?.(path, place.url);
  return path;
}

/** Read on where the part ends, to the end. */
async function transfer(
  fs: FileSystem,
  { url, name }: WeightsPlace,
  part: string,
  { onProgress, signal, fetch: get = fetch }: FetchOptions,
): Promise<void> {
  const there = (await fs.stat(part))?.bytes ?? 0;
  const response = await get(url, { signal, ...(there > 0 && { headers: { Range: `bytes=${there}-` } }) });
  // The part was whole already.
  if (response.status === 416 && there > 0) return;
  if (!response.ok || !response.body)
    throw new TransferError(`${new URL(url).host} answered ${response.status} for ${name}`);
  const goesOn = response.status === 206;
  if (there > 0 && !goesOn) await fs.remove(part);
  const length = Number(response.headers.get('content-length') ?? NaN);
  let bytes = goesOn ? there : 0;
  // A compressed transfer has another length than its content.
  const isPlain = response.headers.get('content-encoding') === null;
  const total = isPlain && Number.isFinite(length) ? bytes + length : null;
  let told = 0;
  let pieces: Uint8Array[] = [];
  let waiting = 0;
  const flush = async (): Promise<void> => {
    for (const piece of pieces) await fs.appendFile(part, piece);
    pieces = [];
    waiting = 0;
  };
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      waiting += value.length;
      bytes += value.length;
      if (waiting >= PIECE_BYTES) await flush();
      if (Date.now() - told < PROGRESS_MS) continue;
      told = Date.now();
      onProgress?.({ name, bytes, total });
    }
  } catch (cause) {
    if (cause instanceof TrainerError) throw cause;
    throw new BrokenOff(`broke off after ${bytes} of ${total ?? 'so many'} bytes`, { cause });
  } finally {
    await flush();
  }
  onProgress?.({ name, bytes, total });
  if (total !== null && bytes < total) throw new BrokenOff(`broke off after ${bytes} of ${total} bytes`);
}

/** @throws TransferError where the file is another one; it is removed */
async function verify(fs: FileSystem, part: string, { sha256, name, url }: WeightsPlace): Promise<void> {
  if (sha256 === undefined) return;
  const digest = await crypto.subtle.digest('SHA-256', (await fs.readFile(part)) as BufferSource);
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex.startsWith(sha256)) return;
  await fs.remove(part);
  throw new TransferError(
    `${new URL(url).host} gave another ${name}: its SHA-256 begins with ${hex.slice(0, sha256.length)}, not ${sha256}`,
  );
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RunError('fetching the weights was stopped', { code: 'cancelled' });
}

function hostOf({ url }: WeightsPlace): string {
  return new URL(url).host;
}

function describe(error: unknown): string {
  if (error instanceof StorageError) throw error;
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof BrokenOff) return message;
  // A browser tells no page whether a host is offline or refuses pages of other origins.
  const isPage = 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
  const reason = cause instanceof Error ? cause.message : message;
  return `could not be reached (${reason}${isPage ? '; you are offline, or it lets no page of another origin read the file' : ''})`;
}
