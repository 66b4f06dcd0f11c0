// Entry of the plan worker: what a config's run would be. People's modules are imported here first; a worker in which one
// hangs is ended, and another made.

import { decodeInBrowser } from '../datasets/decoders/browserDecoder.ts';
import { argumentDocs } from '../plan/argDocs.ts';
import { planRun } from '../plan/plan.ts';
import type { Registries } from '../registry/registries.ts';
import { createOpfs } from '../storage/opfs.ts';
import { PLANNING_POLICY, type BusyModule } from '../usercode/moduleGuard.ts';
import { serve } from './channel.ts';
import type { PlanCalls, WorkerSigns } from './protocol.ts';
import { isOfModule } from '../usercode/userErrors.ts';
import { watchStray } from './watchStray.ts';
import { giveSigns } from './workerSigns.ts';

/** With the classes of the modules of the last plan. */
let registries: Registries | undefined;

const server = serve<PlanCalls, WorkerSigns>(self as DedicatedWorkerGlobalScope, {
  'config.describe': async ({ configPath }, { progress }) =>
    planRun(
      { fs: await createOpfs(), decodeImage: decodeInBrowser, configPath },
      {
        watchStray,
        onBuild: (part) => progress({ part }),
        onModules: ({ guard, registries: own }) => {
          registries = own;
          const tell = (busy: BusyModule): void => server.emit('module.busy', busy);
          guard.policy = { ...PLANNING_POLICY, onBusy: tell, onEnter: tell };
        },
      },
    ),
  'arguments.describe': async () => argumentDocs(registries),
  'worker.ping': async () => undefined,
});
giveSigns(server);
// A timer of an earlier plan's module must not end this worker: its plan is made, and the run tells what fails in it.
watchStray((error) => {
  const isLate = isOfModule(error);
  if (isLate) console.warn(error);
  return isLate;
});
