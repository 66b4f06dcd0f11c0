// Interleaved measuring: every round gives each contender its turn, so that whatever else the machine does meets all.
import type { ContenderName, Job, Loaded, Report, Sample } from './contenders/contender.ts';
import { startPeer, type Peer, type PeerPlaces } from './peers.ts';
import { at } from '../src/util/at.ts';

/** Of one contender at one job. */
export interface Result {
  readonly name: ContenderName;
  readonly loaded: Loaded;
  readonly samples: readonly Sample[];
  /** ms per step without waiting in between; null where it wasn't asked for. */
  readonly pipelinedMs: number | null;
  readonly report: Report;
}

export interface RoundOptions {
  readonly names: readonly ContenderName[];
  readonly job: Job;
  /** Steps of each contender; quick ones take several in a turn. */
  readonly steps: number;
  readonly pipelined?: readonly ContenderName[];
  readonly places: PeerPlaces;
  onLoaded?(name: ContenderName, loaded: Loaded): void;
  /** Told why a contender gives no number. */
  onMissing(name: ContenderName, why: string): void;
}

// A turn of about this length evens out the clock and the first step's cold caches.
const TURN_MS = 50;
const MAX_TURN_STEPS = 10;
// jax-js compiles one pipeline per kernel: minutes for a detector on a software adapter.
const LOAD_LIMIT_MINUTES = 20;

/** Run all contenders; those that fail are missing in the result. */
export async function runRounds(options: RoundOptions): Promise<Result[]> {
  const { job, steps, places, onLoaded, onMissing } = options;
  const racers: Racer[] = [];
  // One after the other: compiling side by side would only slow each other's first step.
  for (const name of options.names) {
    const peer = startPeer(name, places);
    try {
      const loaded = await withinLimit(peer.ask({ do: 'load', job }));
      onLoaded?.(name, loaded);
      racers.push({ peer, loaded, samples: [], turn: 1, failure: null });
    } catch (error) {
      onMissing(name, messageOf(error));
      await peer.close();
    }
  }
  for (let round = 0; round < steps; round++) {
    // Another one begins in each round.
    for (let i = 0; i < racers.length; i++) await takeTurn(at(racers, (i + round) % racers.length));
  }
  const results: Result[] = [];
  for (const racer of racers) {
    const result = racer.failure === null ? await finish(racer, options) : null;
    if (result) results.push(result);
    else onMissing(racer.peer.name, racer.failure ?? 'no result');
    await racer.peer.close();
  }
  return results;
}

interface Racer {
  readonly peer: Peer;
  readonly loaded: Loaded;
  readonly samples: Sample[];
  /** Steps in the next turn. */
  turn: number;
  failure: string | null;
}

async function takeTurn(racer: Racer): Promise<void> {
  if (racer.failure !== null) return;
  try {
    const samples = await racer.peer.ask({ do: 'steps', count: racer.turn });
    racer.samples.push(...samples);
    const fastest = Math.min(...samples.map(({ wallMs }) => wallMs));
    racer.turn = Math.max(1, Math.min(MAX_TURN_STEPS, Math.round(TURN_MS / fastest)));
  } catch (error) {
    racer.failure = messageOf(error);
  }
}

async function finish(racer: Racer, { pipelined = [], steps }: RoundOptions): Promise<Result | null> {
  const { peer, loaded, samples } = racer;
  try {
    const report = await peer.ask({ do: 'report' });
    const isPipelined = pipelined.includes(peer.name);
    const rate = isPipelined ? await peer.ask({ do: 'pipelined', count: Math.max(steps, 5) }) : null;
    return { name: peer.name, loaded, samples, pipelinedMs: rate?.stepMs ?? null, report };
  } catch (error) {
    racer.failure = messageOf(error);
    return null;
  }
}

async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no first step within ${LOAD_LIMIT_MINUTES} minutes`));
    }, LOAD_LIMIT_MINUTES * 60_000);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The middle value. @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(sorted, half) : (at(sorted, half - 1) + at(sorted, half)) / 2;
}

/** Median of one measure. */
export function medianOf(result: Result | undefined, key: keyof Sample): number | null {
  return result ? median(result.samples.map((sample) => sample[key])) : null;
}

/** Smallest of one measure. */
export function bestOf(result: Result | undefined, key: keyof Sample): number | null {
  return result ? Math.min(...result.samples.map((sample) => sample[key])) : null;
}
