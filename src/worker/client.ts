// The page's two workers: made when first needed, replaced when they die.

import { RunError, TrainerError } from '../errors/trainerError.ts';
import { RpcClient, type Endpoint } from './channel.ts';
import type { DataCalls, DataEvents, TrainCalls, TrainEvents } from './protocol.ts';

export type DataClient = RpcClient<DataCalls, DataEvents>;
export type TrainClient = RpcClient<TrainCalls, TrainEvents>;

/** The part of Worker that the client needs; node tests hand in a MessagePort's. */
export interface WorkerLike extends Endpoint {
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'error', listener: (event: ErrorEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  terminate(): void;
}

export interface WorkerFactory {
  createDataWorker(): WorkerLike;
  createTrainWorker(): WorkerLike;
}

const browserFactory: WorkerFactory = {
  createDataWorker: () =>
    new Worker(new URL('./dataWorker.ts', import.meta.url), { type: 'module', name: 'tabtrain data' }),
  createTrainWorker: () =>
    new Worker(new URL('./trainWorker.ts', import.meta.url), { type: 'module', name: 'tabtrain training' }),
};

/** A worker with its client; gone after its first crash. */
class Connection<Client extends { dispose(reason: Error): void }> {
  readonly client: Client;
  readonly #worker: WorkerLike;

  constructor(worker: WorkerLike, client: Client, onCrash: (error: Error) => void, what: string) {
    this.#worker = worker;
    this.client = client;
    worker.addEventListener('error', (event: ErrorEvent) => {
      const cause = event.message === '' ? 'it could not be loaded' : event.message;
      const error = new RunError(`the ${what} stopped working: ${cause}`, {
        code: 'worker-crashed',
        hint: 'Everything that was saved is still there. Reload the page if it happens again.',
      });
      this.end(error);
      onCrash(error);
    });
  }

  end(reason: Error): void {
    this.client.dispose(reason);
    this.#worker.terminate();
  }
}

/** Hands out the workers' clients. */
export class WorkerClients {
  readonly #factory: WorkerFactory;
  #data: Connection<DataClient> | null = null;
  #train: Connection<TrainClient> | null = null;
  #samples: Connection<DataClient> | null = null;

  constructor(factory: WorkerFactory = browserFactory) {
    this.#factory = factory;
  }

  /** Files, imports and run records. */
  get data(): DataClient {
    this.#data ??= this.#connectData('file worker', () => (this.#data = null));
    return this.#data.client;
  }

  get hasTrainWorker(): boolean {
    return this.#train !== null;
  }

  /** The training worker; loads the engine when first asked for. */
  get train(): TrainClient {
    if (!this.#train) {
      const worker = this.#factory.createTrainWorker();
      const client = new RpcClient<TrainCalls, TrainEvents>(worker);
      this.#train = new Connection(worker, client, () => (this.#train = null), 'training worker');
    }
    return this.#train.client;
  }

  /** End the training worker at once: its memory and its GPU device are given back. */
  endTrainWorker(why: string): void {
    this.#train?.end(new RunError(why, { code: 'worker-ended' }));
    this.#train = null;
  }

  /** Start a worker that decodes samples for one run. @returns the port to hand to the training worker. */
  async startSampleWorker(runId: number): Promise<MessagePort> {
    this.endSampleWorker();
    const connection = this.#connectData('data loader', (error) => {
      this.#samples = null;
      // The training worker may be gone as well; then its run has ended already.
      this.#train?.client.call('run.loseSamples', { runId, why: error.message }).catch(() => undefined);
    });
    this.#samples = connection;
    const { port1, port2 } = new MessageChannel();
    await connection.client.call('samples.attach', { port: port1 }, { transfer: [port1] });
    return port2;
  }

  endSampleWorker(): void {
    this.#samples?.end(new TrainerError('the run is over', { code: 'cancelled' }));
    this.#samples = null;
  }

  #connectData(what: string, forget: (error: Error) => void): Connection<DataClient> {
    const worker = this.#factory.createDataWorker();
    return new Connection(worker, new RpcClient<DataCalls, DataEvents>(worker), forget, what);
  }
}
