// The config files: the tree, the open one, and its saving. Files live in the tab's own storage; each keystroke is
// also kept as a draft in localStorage until it is stored, so that a reload at any moment loses nothing.

import { TrainerError } from '../../errors/trainerError.ts';
import type { WorkerClients } from '../../worker/client.ts';
import type { FileInfo } from '../../worker/protocol.ts';
import { baseName } from '../format.ts';
import { freePath, isConfigFile } from '../filePaths.ts';
import type { Notices } from './notices.svelte.ts';
import { DEFAULT_CONFIG, type Settings } from './settings.svelte.ts';

export const WORKSPACE = 'workspace';
const SAVE_DELAY_MS = 350;
const DRAFT_PREFIX = 'tabtrain.draft:';

const CHANNEL = 'tabtrain.files';

/** `conflict`: another tab has changed the file, and nothing is stored before the person chooses. */
export type SaveState = 'saved' | 'saving' | 'failed' | 'conflict';

/** What tabs tell each other: a file has a new text, or two have different ones. */
interface FileNews {
  readonly path: string;
  readonly kind: 'stored' | 'conflict';
}

export class Workspace {
  files = $state.raw<readonly FileInfo[]>([]);
  isLoaded = $state(false);
  openPath = $state<string | null>(null);
  /** What Train trains: the open file, or, while a module is open, the config that was open last. */
  configPath = $state<string | null>(null);
  /** The open file as the editor shows it. */
  text = $state('');
  /** Counts the times the text changed from outside the editor. */
  revision = $state(0);
  saveState = $state<SaveState>('saved');
  /** What another tab has made of the open file while it was edited here. */
  conflict = $state.raw<{ readonly path: string; readonly theirs: string } | null>(null);

  readonly #clients: WorkerClients;
  readonly #settings: Settings;
  readonly #notices: Notices;
  #seeds = $state.raw<Readonly<Record<string, string>>>({});
  #saveTimer: ReturnType<typeof setTimeout> | null = null;
  #saving: Promise<void> = Promise.resolve();
  /** The open file's text in storage, as far as this tab knows. */
  #stored: string | null = null;
  readonly #channel = new BroadcastChannel(CHANNEL);

  constructor(clients: WorkerClients, settings: Settings, notices: Notices) {
    this.#clients = clients;
    this.#settings = settings;
    this.#notices = notices;
    this.#channel.onmessage = ({ data }: MessageEvent<FileNews>) => {
      this.#hear(data).catch((error: unknown) => this.#notices.addError(error));
    };
    addEventListener('beforeunload', (event) => {
      // The draft stays, but another tab may write over it.
      if (this.conflict) event.preventDefault();
    });
  }

  /** The text that ships with the page for the open file, where there is one. */
  readonly original = $derived.by(() => this.#seeds[this.openPath ?? ''] ?? null);
  readonly isEdited = $derived(this.original !== null && this.original !== this.text);

  /** Fill a fresh workspace, then open the file that was open last. */
  async load(): Promise<void> {
    const { SEED_FILES } = await import('../workspaceSeeds.ts');
    this.#seeds = Object.fromEntries(SEED_FILES.map(({ path, text }) => [path, text]));
    await this.#clients.data.call('workspace.seed', { files: SEED_FILES });
    await this.refresh();
    const wanted = [this.#settings.values.openPath, DEFAULT_CONFIG, this.files[0]?.path ?? ''];
    const path = wanted.find((candidate) => this.has(candidate));
    const config = [this.#settings.values.configPath, DEFAULT_CONFIG].find((candidate) =>
      this.has(candidate),
    );
    this.configPath = config ?? null;
    if (path !== undefined) await this.open(path);
    this.isLoaded = true;
  }

  async refresh(): Promise<void> {
    this.files = await this.#clients.data.call('files.tree', { path: WORKSPACE });
  }

  has(path: string): boolean {
    return this.files.some((file) => file.path === path);
  }

  /** True for a path that came with the page, edited or not. */
  isShipped(path: string): boolean {
    return this.#seeds[path] !== undefined;
  }

  async open(path: string): Promise<void> {
    await this.flush();
    const stored = await this.#clients.data.call('files.readText', { path });
    // What was typed into the file still shown while this one was read.
    while (this.#saveTimer !== null) await this.flush();
    const draft = readDraft(path);
    this.openPath = path;
    this.#stored = draft?.base ?? stored;
    this.text = draft?.text ?? stored;
    this.conflict = null;
    this.saveState = 'saved';
    this.revision += 1;
    this.#settings.set({ openPath: path });
    if (isConfigFile(path)) {
      this.configPath = path;
      this.#settings.set({ configPath: path });
    }
    if (draft !== null && draft.text !== stored) await this.#save();
  }

  /** Take what the person typed; stored a moment later. */
  edit(text: string): void {
    if (this.openPath === null || text === this.text) return;
    this.text = text;
    keepDraft(this.openPath, { text, base: this.#stored });
    if (this.conflict) return;
    this.saveState = 'saving';
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#save(), SAVE_DELAY_MS);
  }

  /** Put a text in place of the open file's, as if typed. */
  replaceText(text: string): void {
    this.edit(text);
    this.revision += 1;
  }

  restoreOriginal(): void {
    if (this.original !== null) this.replaceText(this.original);
  }

  /** End a conflict: store this tab's text over the other's. */
  async keepMine(): Promise<void> {
    if (!this.conflict) return;
    this.#stored = this.conflict.theirs;
    this.conflict = null;
    await this.#save();
  }

  /** End a conflict: show the other tab's text, and drop this one's. */
  takeTheirs(): void {
    if (!this.conflict) return;
    const { path, theirs } = this.conflict;
    dropDraft(path);
    this.#show(theirs);
  }

  /** End a conflict: this tab's text goes into a file beside it. @returns its path */
  async keepBoth(): Promise<string | null> {
    if (!this.conflict) return null;
    const { path } = this.conflict;
    await this.refresh();
    const to = freePath(path.replace(/(\.\w+)?$/, '_mine$1'), (candidate) => this.has(candidate));
    await this.#clients.data.call('files.writeText', { path: to, text: this.text, expected: null });
    this.takeTheirs();
    await this.refresh();
    return to;
  }

  #show(stored: string): void {
    this.conflict = null;
    this.#stored = stored;
    this.text = stored;
    this.saveState = 'saved';
    this.revision += 1;
  }

  /** Another tab has stored a file, or can't without losing this tab's text. */
  async #hear({ path, kind }: FileNews): Promise<void> {
    if (!this.has(path)) await this.refresh();
    if (path !== this.openPath || this.conflict) return;
    const name = baseName(path);
    if (kind === 'conflict') {
      this.#notices.add('warning', `Another tab has edits of ${name} that don’t fit what is stored here.`);
      return;
    }
    // What is typed here is compared with what is stored when it is saved.
    if (this.#saveTimer !== null || this.saveState !== 'saved') return;
    const before = this.text;
    const stored = await this.#clients.data.call('files.readText', { path });
    if (path !== this.openPath || this.text !== before || stored === before) return;
    this.#show(stored);
    this.#notices.add('info', `${name} was changed in another tab; its new text is shown.`);
  }

  /** Store what is not stored yet. */
  async flush(): Promise<void> {
    if (this.#saveTimer !== null) await this.#save();
    await this.#saving;
  }

  /** @returns the file's text as the person sees it (the open file's may be newer than the stored one); null without one. */
  async readText(path: string): Promise<string | null> {
    if (path === this.openPath) return this.text;
    if (!this.has(path)) return null;
    return this.#clients.data.call('files.readText', { path });
  }

  async create(path: string, text = ''): Promise<void> {
    this.#refuseExisting(path);
    await this.#clients.data.call('files.writeText', { path, text });
    await this.refresh();
    await this.open(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#refuseExisting(to);
    await this.flush();
    await this.#clients.data.call('files.rename', { from, to });
    await this.refresh();
    if (this.configPath === from) this.configPath = isConfigFile(to) ? to : null;
    if (this.openPath === from) await this.open(to);
  }

  async duplicate(path: string, to: string): Promise<void> {
    this.#refuseExisting(to);
    await this.flush();
    await this.#clients.data.call('files.copy', { from: path, to });
    await this.refresh();
    await this.open(to);
  }

  /** Keep a file's text as it is now in a copy beside it. @returns the copy's path */
  async keepCopy(path: string): Promise<string> {
    await this.flush();
    const to = freePath(path.replace(/(\.\w+)?$/, '_mine$1'), (candidate) => this.has(candidate));
    await this.#clients.data.call('files.copy', { from: path, to });
    await this.refresh();
    return to;
  }

  async remove(path: string): Promise<void> {
    await this.flush();
    await this.#clients.data.call('files.remove', { path });
    await this.refresh();
    if (this.configPath === path) this.configPath = null;
    if (this.openPath !== path) return;
    const next = this.files.find((file) => file.path === DEFAULT_CONFIG) ?? this.files[0];
    if (next) return this.open(next.path);
    this.openPath = null;
    this.text = '';
    this.revision += 1;
  }

  #refuseExisting(path: string): void {
    if (!this.has(path)) return;
    throw new TrainerError(`the name must be free: ${baseName(path)} exists already`, {
      code: 'file-exists',
      path,
      hint: 'Choose another name.',
    });
  }

  #save(): Promise<void> {
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer);
    this.#saveTimer = null;
    const { openPath: path, text } = this;
    if (path === null || this.conflict) return Promise.resolve();
    this.#saving = this.#saving.then(async () => {
      try {
        const isOpen = this.openPath === path;
        if (this.conflict || !isOpen) return;
        const { conflict } = await this.#clients.data.call('files.writeText', {
          path,
          text,
          expected: this.#stored,
        });
        if (conflict !== null) {
          this.conflict = { path, theirs: conflict };
          this.saveState = 'conflict';
          keepDraft(path, { text: this.text, base: this.#stored });
          this.#channel.postMessage({ path, kind: 'conflict' } satisfies FileNews);
          return;
        }
        this.#stored = text;
        if (readDraft(path)?.text === text) dropDraft(path);
        if (this.text === text) this.saveState = 'saved';
        else keepDraft(path, { text: this.text, base: text });
        this.#channel.postMessage({ path, kind: 'stored' } satisfies FileNews);
        if (!this.has(path)) await this.refresh();
      } catch (error) {
        this.saveState = 'failed';
        this.#notices.addError(error);
      }
    });
    return this.#saving;
  }
}

/** What was typed, and the stored text that it was typed into. */
interface Draft {
  readonly text: string;
  readonly base: string | null;
}

function keepDraft(path: string, draft: Draft): void {
  try {
    localStorage.setItem(DRAFT_PREFIX + path, JSON.stringify(draft));
  } catch {
    // Full or forbidden: the draft is a second net only.
  }
}

function dropDraft(path: string): void {
  try {
    localStorage.removeItem(DRAFT_PREFIX + path);
  } catch {
    // As above.
  }
}

function readDraft(path: string): Draft | null {
  try {
    const draft: unknown = JSON.parse(localStorage.getItem(DRAFT_PREFIX + path) ?? 'null');
    const isDraft =
      typeof draft === 'object' && draft !== null && 'text' in draft && typeof draft.text === 'string';
    return isDraft ? (draft as Draft) : null;
  } catch {
    return null;
  }
}
