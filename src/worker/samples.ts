// Samples across workers: decode workers read and augment, the run worker gets finished arrays.

import type { DatasetSpec } from '../plan/buildDataset.ts';
import type { DatasetChange } from '../datasets/datasetChange.ts';
import { transferablesOf, type Sample } from '../datasets/sample.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { RunError } from '../errors/trainerError.ts';
import { serve, Transferred, type Endpoint, type RpcClient, type Server } from './channel.ts';
import type { WorkerSigns } from './protocol.ts';

export interface SampleCalls {
  'source.open': { req: { spec: DatasetSpec }; res: { sourceId: number } };
  'source.getSample': { req: { sourceId: number; index: number; epoch: number }; res: Sample };
  'source.changeDataset': { req: { sourceId: number; change: DatasetChange }; res: undefined };
}

export type SampleClient = RpcClient<SampleCalls, WorkerSigns>;

/** Serve sample sources, which end with their worker: the decode worker's end. */
export function serveSamples(
  endpoint: Endpoint,
  createSource: (spec: DatasetSpec) => Promise<SampleSource>,
): Server<WorkerSigns> {
  const sources = new Map<number, SampleSource>();
  let nextId = 1;
  const sourceOf = (sourceId: number): SampleSource => {
    const source = sources.get(sourceId);
    if (!source) throw new RunError(`internal: no sample source ${sourceId}`, { code: 'internal' });
    return source;
  };
  return serve<SampleCalls, WorkerSigns>(endpoint, {
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
  });
}

/**
 * Open a data set in a decode worker: the run worker's end.
 * @throws what building the dataset throws there
 */
export async function openSamples(client: SampleClient, spec: DatasetSpec): Promise<SampleSource> {
  const { sourceId } = await client.call('source.open', { spec });
  return {
    getSample: (index, epoch) => client.call('source.getSample', { sourceId, index, epoch }),
    // Messages keep their order: samples asked for afterwards are the changed ones. A failure shows with them.
    changeDataset: (change) =>
      void client.call('source.changeDataset', { sourceId, change }).catch(() => undefined),
  };
}
