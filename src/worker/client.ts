// The page's workers: made when first needed, replaced when they die. The run worker lives for one run.

import { RunError } from '../errors/trainerError.ts';
import { RpcClient } from './channel.ts';
import { Connection, type WhenReleased, type WorkerLike } from './connection.ts';
import { PlanClient } from './planClient.ts';
import type { DataCalls, DataEvents, RunCalls, RunWorkerEvents } from './protocol.ts';

export type DataClient = RpcClient<DataCalls, DataEvents>;
export type RunClient = RpcClient<RunCalls, RunWorkerEvents>;

export interface WorkerFactory {
  createDataWorker(): WorkerLike;
  createPlanWorker(): WorkerLike;
  createRunWorker(): WorkerLike;
  readonly whenReleased: WhenReleased;
}

const browserFactory: WorkerFactory = {
  createDataWorker: () =>
    new Worker(new URL('./dataWorker.ts', import.meta.url), { type: 'module', name: 'tabtrain data' }),
  createPlanWorker: () =>
    new Worker(new URL('./planWorker.ts', import.meta.url), { type: 'module', name: 'tabtrain plan' }),
  createRunWorker: () =>
    new Worker(new URL('./runWorker.ts', import.meta.url), { type: 'module', name: 'tabtrain run' }),
  whenReleased: async (lock) => {
    await navigator.locks.request(lock, () => undefined);
  },
};

/** Hands out the workers' clients. */
export class WorkerClients {
  readonly plans: PlanClient;
  readonly #factory: WorkerFactory;
  #data: Connection<DataClient> | null = null;
  #run: Connection<RunClient> | null = null;

  constructor(factory: WorkerFactory = browserFactory) {
    this.#factory = factory;
    this.plans = new PlanClient(() => factory.createPlanWorker(), factory.whenReleased);
  }

  /** Files, imports and run records. */
  get data(): DataClient {
    this.#data ??= this.#connectData();
    return this.#data.client;
  }

  /** The worker of the run that goes on; null without one. */
  get run(): RunClient | null {
    return this.#run?.client ?? null;
  }

  /** Make the worker of a new run. One run at a time. */
  startRun(): RunClient {
    this.endRun(new RunError('another run was started', { code: 'run-ended' }));
    const worker = this.#factory.createRunWorker();
    const client = new RpcClient<RunCalls, RunWorkerEvents>(worker);
    const run = new Connection(worker, client, () => (this.#run = null), 'the run worker');
    client.on('worker.alive', ({ lock }) => void run.watch(lock, this.#factory.whenReleased));
    this.#run = run;
    return client;
  }

  /** End the run's worker at once: its memory and its GPU device are given back. @param reason what open calls reject with */
  endRun(reason: Error): void {
    this.#run?.end(reason);
    this.#run = null;
  }

  #connectData(): Connection<DataClient> {
    const worker = this.#factory.createDataWorker();
    const client = new RpcClient<DataCalls, DataEvents>(worker);
    return new Connection(worker, client, () => (this.#data = null), 'the file worker');
  }
}
