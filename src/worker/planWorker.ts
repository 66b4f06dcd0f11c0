// Entry of the plan worker: what a config's run would be. People's modules are imported here first; a worker in which one
// hangs is ended, and another made.

import { decodeInBrowser } from '../datasets/decoders/browserDecoder.ts';
import { planRun } from '../plan/plan.ts';
import { createOpfs } from '../storage/opfs.ts';
import { PLANNING_POLICY, type BusyModule } from '../usercode/moduleGuard.ts';
import { serve } from './channel.ts';
import type { PlanCalls, WorkerSigns } from './protocol.ts';
import { giveSigns } from './workerSigns.ts';

const server = serve<PlanCalls, WorkerSigns>(self as DedicatedWorkerGlobalScope, {
  'config.describe': async ({ configPath }, { progress }) =>
    planRun(
      { fs: await createOpfs(), decodeImage: decodeInBrowser, configPath },
      {
        onBuild: (part) => progress({ part }),
        onModules: ({ guard }) => {
          const tell = (busy: BusyModule): void => server.emit('module.busy', busy);
          guard.policy = { ...PLANNING_POLICY, onBusy: tell, onEnter: tell };
        },
      },
    ),
  'worker.ping': async () => undefined,
});
giveSigns(server);
