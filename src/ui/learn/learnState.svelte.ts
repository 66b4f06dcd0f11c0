// What Learn does with the workspace: puts a step's files into it, runs its config, and sees what comes of it.

import type { AppState } from '../state/app.svelte.ts';
import { WORKSPACE } from '../state/workspace.svelte.ts';
import { configPathOf, filesOf, type LearnStep, type LookFor } from './step.ts';
import { STEPS } from './steps/index.ts';

const inWorkspace = (path: string): string => `${WORKSPACE}/${path}`;

export class LearnState {
  readonly #app: AppState;
  /** Files of the step that differ from the step's text: the person changed them. */
  changed = $state.raw<readonly string[]>([]);

  constructor(app: AppState) {
    this.#app = app;
  }

  readonly index = $derived.by(() => {
    const found = STEPS.findIndex(({ id }) => id === this.#app.settings.values.learnStep);
    return Math.max(0, found);
  });
  readonly step = $derived(STEPS[this.index]);
  readonly configPath = $derived(inWorkspace(configPathOf(this.step)));
  /** The shown run, if it is one of this step. */
  readonly run = $derived.by(() => {
    const { shown } = this.#app.runs;
    return shown.configPath === this.configPath ? shown : null;
  });
  /** Why the step can't be tried now. */
  readonly obstacle = $derived.by(() => {
    const { engine, runs, workspace } = this.#app;
    if (engine.status.kind === 'missing') return engine.status.reason;
    if (runs.active) return 'A run is going on. Wait until it ends, or stop it.';
    return workspace.isLoaded ? null : 'The workspace is being opened.';
  });

  isTried({ id }: LearnStep): boolean {
    return this.#app.settings.values.learnTried.includes(id);
  }

  go(step: LearnStep): void {
    this.#app.settings.set({ learnStep: step.id });
  }

  /** The line of this step's run that shows what to look for; null while there is none. */
  lineOf({ log }: LookFor): string | null {
    if (log === undefined || !this.run) return null;
    const wanted = new RegExp(log);
    return this.run.log.find((line) => wanted.test(line)) ?? null;
  }

  /** Put what is missing of the step into the workspace, open its config, and train it. What the person changed stays. */
  async tryIt(): Promise<void> {
    if (this.obstacle !== null) return;
    const { step } = this;
    const { workspace, settings, runs } = this.#app;
    const missing = filesOf(step).filter(({ path }) => !workspace.has(inWorkspace(path)));
    await this.#write(missing);
    await workspace.open(inWorkspace(configPathOf(step)));
    const tried = settings.values.learnTried;
    settings.set({ tab: step.tab, learnTried: tried.includes(step.id) ? tried : [...tried, step.id] });
    await this.lookForChanges();
    await runs.train();
  }

  /** Give the step's files their text again. */
  async putBack(): Promise<void> {
    const { workspace } = this.#app;
    await workspace.flush();
    const open = workspace.openPath;
    for (const { path, text } of filesOf(this.step)) {
      if (inWorkspace(path) === open) workspace.replaceText(text);
      else await this.#write([{ path, text }]);
    }
    await workspace.flush();
    await this.lookForChanges();
  }

  /** Compare the step's files with the workspace's. */
  async lookForChanges(): Promise<void> {
    const { step } = this;
    const changed: string[] = [];
    for (const { path, text } of filesOf(step)) {
      const own = await this.#app.workspace.readText(inWorkspace(path));
      if (own !== null && own !== text) changed.push(path);
    }
    if (step === this.step) this.changed = changed;
  }

  async #write(files: readonly { readonly path: string; readonly text: string }[]): Promise<void> {
    const { clients, workspace } = this.#app;
    for (const { path, text } of files)
      await clients.data.call('files.writeText', { path: inWorkspace(path), text });
    if (files.length > 0) await workspace.refresh();
  }
}
