// What Learn does with the workspace: puts a step's files into it, runs its config, and sees what comes of it.

import type { AppState } from '../state/app.svelte.ts';
import { WORKSPACE } from '../state/workspace.svelte.ts';
import { configPathOf, filesOf, type LearnStep, type LookFor } from './step.ts';
import { FIRST_STEP, STEPS } from './steps/index.ts';

const inWorkspace = (path: string): string => `${WORKSPACE}/${path}`;
const withoutWorkspace = (path: string): string => path.slice(WORKSPACE.length + 1);

export interface LearnQuestion {
  /** Files of the person's, in the workspace. */
  readonly paths: readonly string[];
  /** Whether the step is trained then. */
  readonly trains: boolean;
}

export class LearnState {
  readonly #app: AppState;
  /** Files of the step that differ from the step's text: the person changed them. */
  changed = $state.raw<readonly string[]>([]);
  /** What the person is asked: whether files of theirs may make way for the step's. */
  question = $state.raw<LearnQuestion | null>(null);

  constructor(app: AppState) {
    this.#app = app;
  }

  readonly index = $derived.by(() => {
    const found = STEPS.findIndex(({ id }) => id === this.#app.settings.values.learnStep);
    return Math.max(0, found);
  });
  readonly step = $derived(STEPS[this.index] ?? FIRST_STEP);
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

  /**
   * Put what is missing of the step into the workspace, open its config, and train it. What the person changed stays; a file
   * that was never the step's is asked about.
   */
  async tryIt(): Promise<void> {
    if (this.obstacle !== null) return;
    await this.lookForChanges();
    const { learnFiles } = this.#app.settings.values;
    const foreign = this.changed.filter((path) => !learnFiles.includes(path));
    if (foreign.length > 0) this.question = { paths: foreign, trains: true };
    else await this.#train();
  }

  /** Ask whether the step's files may have their text again. */
  putBack(): void {
    this.question = { paths: this.changed, trains: false };
  }

  /** Do what was asked: keep the person's files under other names, and give theirs to the step's. */
  async agree(): Promise<void> {
    const { question, step } = this;
    this.question = null;
    if (!question) return;
    const { workspace, notices } = this.#app;
    const copies: string[] = [];
    for (const { path, text } of filesOf(step)) {
      if (!question.paths.includes(path)) continue;
      copies.push(await workspace.keepCopy(inWorkspace(path)));
      if (inWorkspace(path) === workspace.openPath) workspace.replaceText(text);
      else await this.#write([{ path, text }]);
      this.#remember([path]);
    }
    await workspace.flush();
    notices.add('info', `What you had is kept: ${copies.map(withoutWorkspace).join(', ')}.`);
    await this.lookForChanges();
    if (question.trains) await this.#train();
  }

  async #train(): Promise<void> {
    const { step } = this;
    const { workspace, settings, problems } = this.#app;
    const missing = filesOf(step).filter(({ path }) => !workspace.has(inWorkspace(path)));
    await this.#write(missing);
    this.#remember(missing.map(({ path }) => path));
    await workspace.open(inWorkspace(configPathOf(step)));
    const tried = settings.values.learnTried;
    settings.set({ tab: step.tab, learnTried: tried.includes(step.id) ? tried : [...tried, step.id] });
    await this.lookForChanges();
    await problems.train();
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

  /** From now on what differs in these files is the person's change to the step. */
  #remember(paths: readonly string[]): void {
    const { settings } = this.#app;
    const { learnFiles } = settings.values;
    const added = paths.filter((path) => !learnFiles.includes(path));
    settings.set({ learnFiles: [...learnFiles, ...added] });
  }

  async #write(files: readonly { readonly path: string; readonly text: string }[]): Promise<void> {
    const { clients, workspace } = this.#app;
    for (const { path, text } of files)
      await clients.data.call('files.writeText', { path: inWorkspace(path), text });
    if (files.length > 0) await workspace.refresh();
  }
}
