// Delivers what the loggers of runs that are over could not, from `<work dir>/unsent/`.

import { assertNever } from '../errors/invariant.ts';
import { ConfigError } from '../errors/trainerError.ts';
import type { RunServices } from '../registry/buildContext.ts';
import type { OutletParts } from '../loggers/delivery/outlet.ts';
import { REMOTE_PACE, type RemotePace } from '../runner/hooks/logger/remoteLogger.ts';
import { Sender, type Outlet, type SenderNews } from '../loggers/delivery/sender.ts';
import {
  readUnsentFile,
  unsentFolder,
  type TrackedRun,
  type TrackedRunSettings,
} from '../loggers/delivery/unsentFile.ts';
import { UnsentQueue } from '../loggers/delivery/unsentQueue.ts';
import { readMlflowCredentials } from '../loggers/mlflowCredentials.ts';
import { MlflowOutlet, type MlflowRunSettings } from '../loggers/mlflowOutlet.ts';
import { askWandbKey } from '../loggers/wandbKey.ts';
import { WandbOutlet, type WandbRunSettings } from '../loggers/wandbOutlet.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

export interface SendUnsentJob {
  readonly fs: FileSystem;
  /** Of runs that are over: a file that a living run writes must be left to it. */
  readonly workDir: string;
  /** Where keys come from. */
  readonly readEnv: RunServices['readEnv'];
  readonly log: (line: string) => void;
  readonly pace?: RemotePace;
}

/**
 * Deliver every file of unsent records in a work dir. One that is delivered whole goes; of the others the rest stays.
 * @returns how many records are left; a damaged file counts as one
 * @throws ConfigError `not-found` when there is no such folder
 */
export async function sendUnsent(job: SendUnsentJob): Promise<number> {
  const { fs, workDir, log } = job;
  if ((await fs.stat(workDir))?.kind !== 'directory') {
    throw new ConfigError(`${workDir} must be the work dir of a run, but there is no such folder`, {
      code: 'not-found',
      path: workDir,
    });
  }
  const folder = unsentFolder(workDir);
  const names = (await fs.list(folder)).map(({ name }) => name).filter((name) => name.endsWith('.jsonl'));
  if (names.length === 0) log(`there are no unsent records in ${folder}`);
  let left = 0;
  for (const name of names) left += await sendFile(job, `${folder}/${name}`);
  return left;
}

async function sendFile(job: SendUnsentJob, path: string): Promise<number> {
  const { fs, log, pace = REMOTE_PACE } = job;
  const run = (await readUnsentFile(fs, path))?.run;
  if (!run) {
    log(`${path} must begin with the run that its records belong to, but doesn't: it stays as it is`);
    return 1;
  }
  const queue = new UnsentQueue<never>(fs, path, run, (error) =>
    log(`${path} can't be written or read: ${error instanceof Error ? error.message : String(error)}`),
  );
  await queue.adopt();
  const count = queue.length;
  const outlet = makeOutlet(job, run);
  const tell = (news: SenderNews): void => {
    if (news.kind === 'back') return;
    const { message, hint } = news.reason;
    log(`${outlet.name}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  };
  const sender = new Sender(outlet, queue, tell, pace);
  sender.open();
  const left = await sender.close(pace.flushMs);
  await queue.leave();
  log(`${path}: ${count - left} of ${count} records delivered to ${outlet.name}`);
  return left;
}

function makeOutlet({ fs, readEnv, log }: SendUnsentJob, { service, settings }: TrackedRun): Outlet<never> {
  const parts: OutletParts<TrackedRunSettings> = {
    fs,
    isContinued: true,
    isLive: false,
    onOpen: ({ url }) => log(`view the run at ${url}`),
    onSkip: log,
  };
  switch (service) {
    case 'wandb': {
      const own = settings as WandbRunSettings;
      const askKey = (refused: string | null): Promise<string> =>
        askWandbKey({ readEnv }, own.baseUrl, refused);
      return new WandbOutlet(own, { ...parts, askKey });
    }
    case 'mlflow':
      return new MlflowOutlet(settings as MlflowRunSettings, {
        ...parts,
        authorization: readMlflowCredentials(readEnv),
      });
    default:
      return assertNever(service, 'tracking service');
  }
}
