// Samples across workers: decode workers read and augment, the run worker gets finished arrays.

import type { DatasetSpec } from '../plan/buildDataset.ts';
import type { DatasetChange } from '../datasets/datasetChange.ts';
import { transferablesOf, type Sample } from '../datasets/sample.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { RunError, toErrorReport, type ErrorReport } from '../errors/trainerError.ts';
import { serve, Transferred, type Endpoint, type RpcClient, type Server } from './channel.ts';
import type { WorkerSigns } from './protocol.ts';

export interface SampleCalls {
  'source.open': { req: { spec: DatasetSpec }; res: { sourceId: number } };
  'source.getSample': { req: { sourceId: number; index: number; epoch: number }; res: Sample };
  'source.changeDataset': { req: { sourceId: number; change: DatasetChange }; res: undefined };
}

export interface SampleEvents extends WorkerSigns {
  /** A module threw what nobody waits for, at its line. */
  'module.strayed': { report: ErrorReport };
}

export type SampleClient = RpcClient<SampleCalls, SampleEvents>;

/** Makes the source of a data set. @param onStray hears what its modules throw beside that */
export type CreateSource = (spec: DatasetSpec, onStray: (error: Error) => void) => Promise<SampleSource>;

/** Serve sample sources, which end with their worker: the decode worker's end. */
export function serveSamples(endpoint: Endpoint, createSource: CreateSource): Server<SampleEvents> {
  const sources = new Map<number, SampleSource>();
  let nextId = 1;
  const sourceOf = (sourceId: number): SampleSource => {
    const source = sources.get(sourceId);
    if (!source) throw new RunError(`internal: no sample source ${sourceId}`, { code: 'internal' });
    return source;
  };
  const onStray = (error: Error): void => server.emit('module.strayed', { report: toErrorReport(error) });
  const server = serve<SampleCalls, SampleEvents>(endpoint, {
    'source.open': async ({ spec }) => {
      const sourceId = nextId++;
      sources.set(sourceId, await createSource(spec, onStray));
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
  return server;
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
