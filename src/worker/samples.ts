// Samples across workers: the data worker decodes and augments, the training worker gets finished arrays.

import type { DatasetSpec } from '../plan/buildDataset.ts';
import type { DatasetChange } from '../datasets/datasetChange.ts';
import { transferablesOf, type Sample } from '../datasets/sample.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { RunError } from '../errors/trainerError.ts';
import { RpcClient, serve, Transferred } from './channel.ts';

export interface SampleCalls {
  'source.open': { req: { spec: DatasetSpec }; res: { sourceId: number } };
  'source.getSample': { req: { sourceId: number; index: number; epoch: number }; res: Sample };
  'source.changeDataset': { req: { sourceId: number; change: DatasetChange }; res: undefined };
  'source.close': { req: { sourceId: number }; res: undefined };
}

/** Serve sample sources on `port`: the data worker's end. */
export function serveSamples(
  port: MessagePort,
  createSource: (spec: DatasetSpec) => Promise<SampleSource>,
): void {
  const sources = new Map<number, SampleSource>();
  let nextId = 1;
  const sourceOf = (sourceId: number): SampleSource => {
    const source = sources.get(sourceId);
    if (!source) throw new RunError(`internal: sample source ${sourceId} is closed`, { code: 'internal' });
    return source;
  };
  serve<SampleCalls, Record<never, never>>(port, {
    'source.open': async ({ spec }) => {
      const sourceId = nextId++;
      sources.set(sourceId, await createSource(spec));
      return { sourceId };
    },
    'source.getSample': async ({ sourceId, index, epoch }) => {
      const sample = await sourceOf(sourceId).getSample(index, epoch);
      return new Transferred(sample, transferablesOf(sample));
    },
    'source.changeDataset': async ({ sourceId, change }) => {
      sourceOf(sourceId).changeDataset?.(change);
    },
    'source.close': async ({ sourceId }) => {
      sources.get(sourceId)?.dispose?.();
      sources.delete(sourceId);
    },
  });
}

/** The training worker's end. */
export class RemoteSamples {
  readonly #client: RpcClient<SampleCalls, Record<never, never>>;

  constructor(port: MessagePort) {
    this.#client = new RpcClient(port);
    // Fires where browsers know it; the page tells with `run.loseSamples` too.
    port.addEventListener('close', () => this.lose('it ended'));
  }

  /** @throws what building the dataset throws there */
  readonly open = async (spec: DatasetSpec): Promise<SampleSource> => {
    const client = this.#client;
    const { sourceId } = await client.call('source.open', { spec });
    return {
      getSample: (index, epoch) => client.call('source.getSample', { sourceId, index, epoch }),
      // Messages keep their order: samples asked for afterwards are the changed ones. A failure shows with them.
      changeDataset: (change) =>
        void client.call('source.changeDataset', { sourceId, change }).catch(() => undefined),
      // A worker that is gone has nothing left to close.
      dispose: () => void client.call('source.close', { sourceId }).catch(() => undefined),
    };
  };

  /** The data worker is gone: who waits for a sample is told. */
  lose(why: string): void {
    this.#client.dispose(
      new RunError(`the data loader stopped working: ${why}`, {
        code: 'worker-crashed',
        hint: 'The checkpoints written so far are usable. Resume from the last one.',
      }),
    );
  }
}
