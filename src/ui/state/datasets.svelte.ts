// The data sets in the tab's storage, and the import of new ones.

import { toErrorReport, type ErrorReport } from '../../errors/trainerError.ts';
import type { WorkerClients } from '../../worker/client.ts';
import type { DatasetSummary, OfferedConfig, ImportProgress, ImportSource } from '../../worker/protocol.ts';
import { keepStorage } from '../runGuard.ts';
import type { Workspace } from './workspace.svelte.ts';

/** Where the import dialog stands. */
export type ImportStep =
  | { readonly step: 'choose' }
  | {
      readonly step: 'name';
      readonly source: ImportSource;
      readonly suggestedName: string;
      readonly error?: ErrorReport;
    }
  | { readonly step: 'busy'; readonly name: string; readonly progress: ImportProgress | null }
  | { readonly step: 'done'; readonly summary: DatasetSummary };

export class Datasets {
  list = $state.raw<readonly DatasetSummary[]>([]);
  /** Name of the one shown in the Data tab. */
  selected = $state<string | null>(null);
  /** Null while the dialog is closed. */
  importing = $state.raw<ImportStep | null>(null);

  readonly #clients: WorkerClients;
  readonly #workspace: Workspace;
  #cancel: AbortController | null = null;

  constructor(clients: WorkerClients, workspace: Workspace) {
    this.#clients = clients;
    this.#workspace = workspace;
  }

  readonly shown = $derived(this.list.find((d) => d.name === this.selected) ?? this.list[0] ?? null);

  async refresh(): Promise<void> {
    this.list = await this.#clients.data.call('datasets.list', {});
  }

  openDialog(): void {
    this.importing ??= { step: 'choose' };
  }

  /** Take what was chosen or dropped; asks for a name next. */
  offer(source: ImportSource, suggestedName: string): void {
    if (this.importing?.step === 'busy') return;
    this.importing = { step: 'name', source, suggestedName: cleanName(suggestedName) };
  }

  async import(source: ImportSource, name: string, replace: boolean): Promise<void> {
    const cancel = new AbortController();
    this.#cancel = cancel;
    this.importing = { step: 'busy', name, progress: null };
    void keepStorage();
    try {
      const summary = await this.#clients.data.call(
        'datasets.import',
        { source, name, replace },
        {
          signal: cancel.signal,
          onProgress: (progress) => {
            if (this.importing?.step === 'busy') this.importing = { step: 'busy', name, progress };
          },
        },
      );
      this.importing = { step: 'done', summary };
      this.selected = summary.name;
    } catch (error) {
      // Who closed the dialog meanwhile does not want it back.
      if (this.importing?.step === 'busy') {
        const again = { step: 'name', source, suggestedName: name } as const;
        this.importing = cancel.signal.aborted ? again : { ...again, error: toErrorReport(error) };
      }
    } finally {
      this.#cancel = null;
      await this.refresh();
    }
  }

  cancelImport(): void {
    this.#cancel?.abort();
  }

  /** Close the dialog; a running import is cancelled. */
  closeDialog(): void {
    this.cancelImport();
    this.importing = null;
  }

  async remove(name: string): Promise<void> {
    await this.#clients.data.call('datasets.remove', { name });
    await this.refresh();
  }

  /** Write a config that trains on the data set and open it; one written before is opened as it is now. */
  async useConfig({ path: offered, text }: OfferedConfig): Promise<void> {
    const own = `workspace/${offered}`;
    // A config that ships with the page may expect another layout of the same data.
    const path = this.#workspace.isShipped(own) ? own.replace(/\.py$/, '_imported.py') : own;
    if (this.#workspace.has(path)) await this.#workspace.open(path);
    else await this.#workspace.create(path, text);
  }
}

/** A name that is safe as a folder and in a config: letters of any script, digits, `_`, `-`, `.`. */
export function cleanName(name: string): string {
  const cleaned = name
    .replace(/\.(zip|json)$/i, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, '_')
    .replace(/^[_.-]+|[_.-]+$/g, '');
  return cleaned === '' ? 'dataset' : cleaned.slice(0, 60);
}
