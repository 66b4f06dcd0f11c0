// Entry of the run worker: the engine, the runner and everything a config can name. It is made for one run and ended with it.

import { prepareEngine, train } from '../run/train.ts';
import { decodeInBrowser } from '../datasets/decoders/browserDecoder.ts';
import { createOpfs } from '../storage/opfs.ts';
import { createWebLocks } from '../storage/webLocks.ts';
import { DecodePool } from './decodePool.ts';
import { createRunHost } from './host.ts';
import { watchStray } from './watchStray.ts';
import { giveSigns } from './workerSigns.ts';

const whenReleased = async (lock: string): Promise<void> => {
  await navigator.locks.request(lock, () => undefined);
};

const host = createRunHost(self as DedicatedWorkerGlobalScope, {
  async probe() {
    const { name, isSoftware } = await prepareEngine();
    return { name, isSoftware };
  },
  async train({ runId: _runId, ...request }, control, onEvent, askSecret) {
    const fs = await createOpfs();
    const decoding = new DecodePool({
      create: () =>
        new Worker(new URL('./decodeWorker.ts', import.meta.url), {
          type: 'module',
          name: 'tabtrain decode',
        }),
      whenReleased,
      onFailure: (error) => control.fail(error),
    });
    try {
      return await train({
        ...request,
        fs,
        decodeImage: decodeInBrowser,
        control,
        onEvent,
        host: `tab@${location.host}`,
        createSampleSource: (spec, workers) => decoding.open(spec, workers),
        askSecret,
        watchStray,
        onModuleBusy: (busy) => host.emit('module.busy', busy),
        locks: createWebLocks(),
        kernels: { folder: 'cache' },
      });
    } finally {
      decoding.end();
    }
  },
});
giveSigns(host);
