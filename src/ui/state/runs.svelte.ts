// Training from the page: starts, pauses and stops the run, follows its events, lists earlier runs.

import { toErrorReport, RunError, type ErrorReport } from '../../errors/trainerError.ts';
import type { RunEvent } from '../../contracts/runEvents.ts';
import type { RunClient, WorkerClients } from '../../worker/client.ts';
import type { RunRequest, RunSummary } from '../../worker/protocol.ts';
import { canEndNow, isRunEnded, runEndedError } from '../endRun.ts';
import { keepStorage, RunGuard } from '../runGuard.ts';
import type { Notices } from './notices.svelte.ts';
import { RunView } from './runView.svelte.ts';
import { SecretQuestions } from './secretQuestions.svelte.ts';
import type { Settings } from './settings.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

type ResumeOptions = Pick<RunRequest, 'resumeFrom' | 'autoResume'>;

/** How long a run may take to hear of a stop. */
const STOP_PATIENCE_MS = 1000;

export class Runs {
  /** Newest first. */
  list = $state.raw<readonly RunSummary[]>([]);
  /** The run in the tabs: the live one or an earlier one. */
  shown = $state.raw<RunView>(new RunView());
  /** The live run. */
  active = $state.raw<RunView | null>(null);
  /** Why the last run of this visit failed, until the next run or the next edit. */
  failure = $state.raw<ErrorReport | null>(null);

  /** What loggers of the live run want to know. */
  readonly secrets: SecretQuestions;

  readonly #clients: WorkerClients;
  readonly #workspace: Workspace;
  readonly #settings: Settings;
  readonly #notices: Notices;
  readonly #guard = new RunGuard();
  #runId = 0;

  constructor(clients: WorkerClients, workspace: Workspace, settings: Settings, notices: Notices) {
    this.#clients = clients;
    this.#workspace = workspace;
    this.#settings = settings;
    this.#notices = notices;
    this.secrets = new SecretQuestions(async (id, value) => {
      await clients.run?.call('secret.answer', { id, value });
    });
  }

  /** The newest run of the open config that was cut off, if nothing runs now. */
  readonly interrupted = $derived.by(() =>
    this.active
      ? null
      : (this.list.find((run) => run.status === 'interrupted' && run.checkpoints.length > 0) ?? null),
  );

  /** List the runs on disk and show the one that was shown last. */
  async load(): Promise<void> {
    await this.refresh();
    const wanted = this.list.find((run) => run.workDir === this.#settings.values.shownRun) ?? this.list[0];
    if (wanted) await this.show(wanted.workDir);
  }

  async refresh(): Promise<void> {
    // A run that another tab of ours holds is alive too.
    const activeWorkDir = this.active?.workDir ?? null;
    const isHeldElsewhere = !this.active && (await RunGuard.isHeld());
    const list = await this.#clients.data.call('runs.list', { activeWorkDir });
    this.list = isHeldElsewhere ? list.map(aliveElsewhere) : list;
  }

  async show(workDir: string): Promise<void> {
    this.#settings.set({ shownRun: workDir });
    if (this.active?.workDir === workDir) {
      this.shown = this.active;
      return;
    }
    const activeWorkDir = this.active?.workDir ?? null;
    const view = new RunView();
    view.applyHistory(await this.#clients.data.call('runs.read', { workDir, activeWorkDir }));
    this.shown = view;
  }

  /** Train a config of the workspace. */
  async train(configPath: string): Promise<void> {
    await this.#run(configPath, new RunView(), {});
  }

  /** Go on from a checkpoint of an earlier run, in its folder. */
  async resumeFrom(checkpointPath: string, configPath: string, workDir: string): Promise<void> {
    if (this.active) return;
    await this.#goOn(configPath, workDir, { resumeFrom: checkpointPath });
  }

  /** Go on where a run was cut off: from its newest checkpoint that is whole, which its worker finds. */
  async resumeRun({ configPath, workDir }: RunSummary): Promise<void> {
    if (this.active) return;
    await this.#goOn(configPath, workDir, { autoResume: 'own' });
  }

  async #goOn(configPath: string, workDir: string, from: ResumeOptions): Promise<void> {
    const view = new RunView();
    view.applyHistory(await this.#clients.data.call('runs.read', { workDir, activeWorkDir: null }));
    view.goOn();
    await this.#run(configPath, view, { ...from, workDir });
  }

  /** Let the run wait; one that has no worker yet is told of it as soon as there is one. */
  async pause(): Promise<void> {
    this.active?.askPause();
    await this.#control('run.pause');
  }

  async resume(): Promise<void> {
    this.active?.askResume();
    await this.#control('run.resume');
  }

  /**
   * Stop the run once its iteration is done and saved. Asked again, or where the run has not begun or a module holds the
   * thread, its worker is ended.
   */
  async stop(): Promise<void> {
    const view = this.active;
    if (!view) return;
    if (view.isStopAsked) {
      this.#endNow(view);
      return;
    }
    view.askStop();
    setTimeout(() => {
      if (this.active === view && canEndNow(view)) this.#endNow(view);
    }, STOP_PATIENCE_MS);
    await this.#control('run.stop');
  }

  #endNow(view: RunView): void {
    this.#clients.endRun(runEndedError(view));
  }

  /** Time each op of the next iterations. */
  async profile(iters: number): Promise<void> {
    if (!this.active) return;
    this.active.isProfiling = true;
    try {
      await this.#clients.run?.call('run.profile', { runId: this.#runId, iters });
    } catch (error) {
      this.#notices.addError(error);
    }
  }

  async remove(workDir: string): Promise<void> {
    await this.#clients.data.call('runs.remove', { workDir });
    await this.refresh();
    if (this.shown.workDir !== workDir) return;
    this.shown = new RunView();
    const next = this.list[0];
    if (next) await this.show(next.workDir);
  }

  async #control(name: 'run.pause' | 'run.resume' | 'run.stop'): Promise<void> {
    if (!this.active) return;
    try {
      await this.#clients.run?.call(name, { runId: this.#runId });
    } catch (error) {
      // That the worker is gone is told by the run itself.
      if (this.#clients.run !== null) this.#notices.addError(error);
    }
  }

  async #run(
    configPath: string,
    view: RunView,
    from: ResumeOptions & { readonly workDir?: string },
  ): Promise<void> {
    if (this.active) return;
    view.configPath = configPath;
    this.failure = null;
    this.active = view;
    this.shown = view;
    const runId = ++this.#runId;
    let unsubscribe = (): void => undefined;
    // Until there is a worker nobody else hears of a stop.
    const throwIfStopped = (): void => {
      if (view.isStopAsked) throw runEndedError(view);
    };
    try {
      await this.#workspace.flush();
      throwIfStopped();
      void keepStorage();
      const isAcquired = await this.#guard.acquire();
      throwIfStopped();
      if (!isAcquired) {
        throw new RunError('one run at a time: another tab of tabtrain is training', {
          code: 'run-busy',
          hint: 'Stop it there, or wait until it is done.',
        });
      }
      const client = this.#clients.startRun();
      unsubscribe = this.#follow(client, runId, view);
      const ended = client.call('run.train', { runId, configPath, ...from });
      if (view.isPausing) void this.#control('run.pause');
      await ended;
      if (view.isAlive) view.phase = 'finished';
    } catch (error) {
      if (isRunEnded(error)) {
        view.phase = view.hasBegun ? 'interrupted' : 'stopped';
        this.#notices.add('info', error.message, error.hint);
        return;
      }
      view.error = toErrorReport(error);
      this.failure = view.error;
      view.phase = 'failed';
      // What has a place stands among the problems.
      if (!view.error.span) this.#notices.addError(error);
    } finally {
      unsubscribe();
      view.busy = null;
      this.#clients.endRun(new RunError('the run is over', { code: 'cancelled' }));
      await this.#guard.release();
      this.active = null;
      await this.refresh().catch((error: unknown) => this.#notices.addError(error));
    }
  }

  #follow(client: RunClient, runId: number, view: RunView): () => void {
    let nextSeq = 0;
    const stopWatching = client.on('module.busy', (busy) => (view.busy = busy));
    const stopAsking = client.on('secret.asked', (asked) => {
      if (asked.runId !== runId) return;
      this.secrets.ask(asked.id, asked.question).catch((error: unknown) => this.#notices.addError(error));
    });
    const stopBatches = client.on('run.batch', (batch) => {
      // Stale batches of an earlier run, or ones seen already, change nothing.
      if (batch.runId !== runId || batch.seq < nextSeq) return;
      nextSeq = batch.seq + 1;
      view.apply(batch.events);
      for (const event of batch.events) this.#tell(event);
    });
    return () => {
      stopAsking();
      stopBatches();
      stopWatching();
      this.secrets.drop();
    };
  }

  #tell(event: RunEvent): void {
    if (event.name === 'run.noticed') this.#notices.add(event.level, event.message, event.hint);
    if (event.name !== 'run.started') return;
    this.#settings.set({ shownRun: event.workDir });
    void this.refresh().catch((error: unknown) => this.#notices.addError(error));
  }
}

function aliveElsewhere(run: RunSummary): RunSummary {
  return run.status === 'interrupted' ? { ...run, status: 'running' } : run;
}
