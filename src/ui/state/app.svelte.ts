// The root of the page's state: one object per domain, made once.

import { WorkerClients } from '../../worker/client.ts';
import { ArgumentHelp } from './argumentHelp.ts';
import { ConfigCheck } from './configCheck.svelte.ts';
import { Datasets } from './datasets.svelte.ts';
import { Engine } from './engine.svelte.ts';
import { ModuleCheck } from './moduleCheck.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { PlanState } from './planState.svelte.ts';
import { Problems } from './problems.svelte.ts';
import { Runs } from './runs.svelte.ts';
import { Settings } from './settings.svelte.ts';
import { Workspace } from './workspace.svelte.ts';

const NO_STORAGE =
  'This window keeps no files: it is private, or site data is blocked. tabtrain stores configs, data and checkpoints in ' +
  'the browser: open the page in a normal window, or allow site data for it.';

export class AppState {
  readonly clients = new WorkerClients();
  readonly settings = new Settings();
  readonly notices = new Notices();
  readonly engine = new Engine();
  readonly workspace = new Workspace(this.clients, this.settings, this.notices);
  readonly check = new ConfigCheck(this.workspace);
  readonly moduleCheck = new ModuleCheck(this.workspace, this.check);
  readonly datasets = new Datasets(this.clients, this.workspace);
  readonly plan = new PlanState(this.clients, this.workspace, this.check, this.datasets);
  readonly argumentHelp = new ArgumentHelp(this.clients, this.check, this.plan);
  readonly runs = new Runs(this.clients, this.workspace, this.settings, this.notices);
  readonly problems = new Problems(this.workspace, this.plan, this.moduleCheck, this.runs);

  /** Why nothing can be stored in this window; null while it can. */
  storageProblem = $state<string | null>(null);

  /** Load everything that is on disk; what fails is told and the rest goes on. */
  async start(): Promise<void> {
    try {
      await navigator.storage.getDirectory();
    } catch {
      // Private windows of some browsers, blocked site data. Everything else would only fail one by one.
      this.storageProblem = NO_STORAGE;
      return this.engine.probe();
    }
    const jobs = [this.workspace.load(), this.runs.load(), this.datasets.refresh(), this.engine.probe()];
    for (const job of await Promise.allSettled(jobs)) {
      if (job.status === 'rejected') this.notices.addError(job.reason);
    }
  }

  /** Keep dropped weights where configs find them. */
  async keepWeights(files: readonly File[]): Promise<void> {
    const { paths } = await this.clients.data.call('weights.add', { files });
    this.notices.add(
      'info',
      `Kept as ${paths.join(', ')}`,
      `write load_from='${paths[0] ?? ''}', or keep the address of the config: it is taken from there`,
    );
  }

  /** Run an action of the person's; tell what goes wrong. */
  readonly attempt = (action: () => Promise<unknown>): void => {
    action().catch((error: unknown) => this.notices.addError(error));
  };
}
