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

export type SaveState = 'saved' | 'saving' | 'failed';

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

  readonly #clients: WorkerClients;
  readonly #settings: Settings;
  readonly #notices: Notices;
  #seeds = $state.raw<Readonly<Record<string, string>>>({});
  #saveTimer: ReturnType<typeof setTimeout> | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(clients: WorkerClients, settings: Settings, notices: Notices) {
    this.#clients = clients;
    this.#settings = settings;
    this.#notices = notices;
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
    this.text = draft ?? stored;
    this.revision += 1;
    this.#settings.set({ openPath: path });
    if (isConfigFile(path)) {
      this.configPath = path;
      this.#settings.set({ configPath: path });
    }
    if (draft !== null && draft !== stored) await this.#save();
  }

  /** Take what the person typed; stored a moment later. */
  edit(text: string): void {
    if (this.openPath === null || text === this.text) return;
    this.text = text;
    this.saveState = 'saving';
    keepDraft(this.openPath, text);
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
    if (path === null) return Promise.resolve();
    this.#saving = this.#saving.then(async () => {
      try {
        await this.#clients.data.call('files.writeText', { path, text });
        if (readDraft(path) === text) localStorage.removeItem(DRAFT_PREFIX + path);
        if (this.openPath === path && this.text === text) this.saveState = 'saved';
        if (!this.has(path)) await this.refresh();
      } catch (error) {
        this.saveState = 'failed';
        this.#notices.addError(error);
      }
    });
    return this.#saving;
  }
}

function keepDraft(path: string, text: string): void {
  try {
    localStorage.setItem(DRAFT_PREFIX + path, text);
  } catch {
    // Full or forbidden: the draft is a second net only.
  }
}

function readDraft(path: string): string | null {
  try {
    return localStorage.getItem(DRAFT_PREFIX + path);
  } catch {
    return null;
  }
}
