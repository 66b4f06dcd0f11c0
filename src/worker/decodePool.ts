// The decode workers of a run, which make samples beside the thread that trains: as many as `workers_per_gpu` says.

import type { SampleSource } from '../datasets/sampleSource.ts';
import { TrainerError } from '../errors/trainerError.ts';
import type { DatasetSpec } from '../plan/buildDataset.ts';
import { at } from '../util/at.ts';
import { RemoteError, RpcClient } from './channel.ts';
import { Connection, type WhenReleased, type WorkerLike } from './connection.ts';
import { openSamples, type SampleCalls, type SampleClient, type SampleEvents } from './samples.ts';

export interface DecodeWorkers {
  create(): WorkerLike;
  readonly whenReleased: WhenReleased;
  /**
   * Hears of what must end the run though nobody may wait for a sample: RunError `stray-error`, what modules throw beside the
   * samples; `worker-crashed` and `worker-gone`, a worker that is lost.
   */
  readonly onFailure: (error: Error) => void;
}

/** Workers are started when a loader first needs them, and shared by the loaders of a run. */
export class DecodePool {
  readonly #workers: DecodeWorkers;
  readonly #connections: Connection<SampleClient>[] = [];

  constructor(workers: DecodeWorkers) {
    this.#workers = workers;
  }

  /**
   * Open a data set in `count` workers. Which one makes a sample changes nothing in it. Once a worker is lost, the samples
   * that it owes are rejected.
   * @param count at least 1
   * @throws what building the dataset throws there
   */
  async open(spec: DatasetSpec, count: number): Promise<SampleSource> {
    while (this.#connections.length < count) this.#connections.push(this.#start());
    const used = this.#connections.slice(0, count);
    return shareOut(await Promise.all(used.map(({ client }) => openSamples(client, spec))));
  }

  /**
   * Reject the samples that are still waited for. The browser ends the workers with the run worker, which started them;
   * a `terminate()` of ours shortly before that leaves the run worker's thread behind in Chromium, about once in 15 runs.
   */
  end(): void {
    for (const { client } of this.#connections)
      client.dispose(new TrainerError('the run is over', { code: 'cancelled' }));
  }

  #start(): Connection<SampleClient> {
    const worker = this.#workers.create();
    const client = new RpcClient<SampleCalls, SampleEvents>(worker);
    // Otherwise the browser goes on to report it as an error of the run worker, and of the page.
    worker.addEventListener('error', (event: ErrorEvent) => event.preventDefault());
    const { onFailure } = this.#workers;
    // A pool doesn't replace what it lost.
    const connection = new Connection(worker, client, onFailure, `decode worker ${this.#connections.length}`);
    client.on('module.strayed', ({ report }) => onFailure(new RemoteError(report)));
    client.on('worker.alive', ({ lock }) => void connection.watch(lock, this.#workers.whenReleased));
    return connection;
  }
}

/** One source made of several: a sample is asked of the one that owes fewest. */
function shareOut(sources: readonly SampleSource[]): SampleSource {
  const owed = sources.map(() => 0);
  return {
    getSample: async (index, epoch) => {
      const who = owed.indexOf(Math.min(...owed));
      owed[who] = at(owed, who) + 1;
      try {
        return await at(sources, who).getSample(index, epoch);
      } finally {
        owed[who] = at(owed, who) - 1;
      }
    },
    changeDataset: (change) => {
      for (const source of sources) source.changeDataset?.(change);
    },
  };
}
