// Entry of a decode worker: it reads, decodes and augments pictures for one run. Loads no GPU engine.

import { decodeInBrowser } from '../datasets/decoders/browserDecoder.ts';
// Registers what a config's datasets and pipelines can name.
import '../datasets/index.ts';
import { createLocalSampleSource } from '../plan/buildDataset.ts';
import { createOpfs } from '../storage/opfs.ts';
import { serveSamples } from './samples.ts';
import { watchStray } from './watchStray.ts';
import { giveSigns } from './workerSigns.ts';

const opened = createOpfs();
// Told to whoever asks for samples.
opened.catch(() => undefined);

giveSigns(
  serveSamples(self as DedicatedWorkerGlobalScope, async (spec, onStray) =>
    createLocalSampleSource(spec, { fs: await opened, decodeImage: decodeInBrowser, watchStray, onStray }),
  ),
);
