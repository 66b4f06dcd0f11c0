// Weights & Biases over HTTP: `upsertBucket` makes the run, `file_stream` takes its history line by line.
// Source: github.com/wandb/wandb, `core/internal/filestream` and `core/api/graphql`; wandb 0.17 `sdk/internal`.

import type { FileSystem } from '../../../util/fileSystem.ts';
import { DeliveryError, request, requestJson } from './delivery/http.ts';
import type { Outlet } from './delivery/sender.ts';
import { basicAuth } from './delivery/serverAddress.ts';

/** One thing to deliver. */
export type WandbRecord =
  | { readonly kind: 'row'; readonly row: WandbRow; readonly summary: WandbRow }
  /** A file of the work dir, shown under the run's files. */
  | { readonly kind: 'file'; readonly path: string; readonly name: string }
  | { readonly kind: 'end'; readonly exitCode: number };

/** What isn't finite is a string: `NaN`. */
export type WandbRow = Readonly<Record<string, unknown>>;

export interface WandbRunSettings {
  readonly baseUrl: string;
  /** The run's id: part of its address, and what makes asking for it twice harmless. */
  readonly runId: string;
  readonly project: string;
  /** Undefined: the key's own. */
  readonly entity: string | undefined;
  readonly displayName: string | undefined;
  readonly notes: string | undefined;
  readonly group: string | undefined;
  readonly jobType: string | undefined;
  readonly tags: readonly string[] | undefined;
  /** True when a run of this id may exist and go on: its history is kept. */
  readonly goesOn: boolean;
  /** As W&B stores it: `{lr: {value: 0.1}}`. */
  readonly config: Readonly<Record<string, unknown>>;
}

const UPSERT_RUN = `mutation UpsertBucket($name: String, $project: String, $entity: String, $groupName: String,
  $displayName: String, $notes: String, $config: JSONString, $jobType: String, $tags: [String!]) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, groupName: $groupName,
    displayName: $displayName, notes: $notes, config: $config, jobType: $jobType, tags: $tags}) {
    bucket { id name displayName historyLineCount project { name entity { name } } }
    inserted
  }
}`;

const CREATE_FILES = `mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
    runID
    uploadHeaders
    files { name uploadUrl }
  }
}`;

interface OpenRun {
  readonly entity: string;
  readonly project: string;
  readonly key: string;
}

/** What the outlet needs from the run around it. */
export interface WandbParts {
  readonly fs: FileSystem;
  /**
   * Gives the key.
   * @param refused why the last one did not do; null at first
   * @throws DeliveryError when there is none
   */
  askKey(refused: string | null): Promise<string>;
  /** Hears the run's address in W&B's pages. */
  onOpen(url: string): void;
  /** Hears of a file that can't be uploaded. */
  onSkip(message: string): void;
}

const MAX_UPLOAD_TRIES = 3;

/** Delivers one run to W&B. Lines carry their numbers, so that sending some twice overwrites them with themselves. */
export class WandbOutlet implements Outlet<WandbRecord> {
  readonly name = 'W&B';
  readonly #settings: WandbRunSettings;
  readonly #parts: WandbParts;
  #entity: string | null = null;
  #run: OpenRun | null = null;
  /** Lines the server has. */
  #lines = 0;
  readonly #uploadTries = new Map<string, number>();

  constructor(settings: WandbRunSettings, parts: WandbParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  async send(records: readonly WandbRecord[], signal: AbortSignal): Promise<void> {
    this.#run ??= await this.#open(signal);
    const run = this.#run;
    const rows = records.filter((record) => record.kind === 'row');
    if (rows.length > 0) {
      const history = { offset: this.#lines, content: rows.map(({ row }) => JSON.stringify(row)) };
      const summary = { offset: 0, content: [JSON.stringify(rows.at(-1)?.summary)] };
      await this.#stream(
        run,
        { files: { 'wandb-history.jsonl': history, 'wandb-summary.json': summary } },
        signal,
      );
    }
    for (const record of records) if (record.kind === 'file') await this.#tryUpload(run, record, signal);
    const end = records.find((record) => record.kind === 'end');
    if (end) await this.#stream(run, { complete: true, exitcode: end.exitCode }, signal);
    // Only now: records that come again keep their line numbers.
    this.#lines += rows.length;
  }

  async #open(signal: AbortSignal): Promise<OpenRun> {
    for (let refused: string | null = null; ;) {
      const key = await this.#parts.askKey(refused);
      try {
        return await this.#openWith(key, signal);
      } catch (error) {
        if (!(error instanceof DeliveryError) || error.status !== 401) throw error;
        this.#entity = null;
        // Whoever typed it may type it again; an environment variable can't, and askKey says so.
        refused = error.message;
      }
    }
  }

  async #openWith(key: string, signal: AbortSignal): Promise<OpenRun> {
    const { runId, project, displayName, notes, group, jobType, tags, config, baseUrl } = this.#settings;
    this.#entity ??= this.#settings.entity ?? (await this.#defaultEntity(key, signal));
    const entity = this.#entity;
    const variables = {
      name: runId,
      project,
      entity,
      displayName,
      notes,
      groupName: group,
      jobType,
      tags,
      config: JSON.stringify(config),
    };
    const { upsertBucket } = await this.#graphql(key, UPSERT_RUN, variables, signal);
    const bucket = fieldOf(upsertBucket, 'bucket');
    const projectOf = fieldOf(bucket, 'project');
    const lines = fieldOf(bucket, 'historyLineCount');
    if (this.#settings.goesOn && typeof lines === 'number') this.#lines = lines;
    const run = {
      entity: textOr(fieldOf(fieldOf(projectOf, 'entity'), 'name'), entity),
      project: textOr(fieldOf(projectOf, 'name'), project),
      key,
    };
    const pages = baseUrl.replace('//api.', '//');
    this.#parts.onOpen(
      `${pages}/${encodeURIComponent(run.entity)}/${encodeURIComponent(run.project)}/runs/${runId}`,
    );
    return run;
  }

  async #defaultEntity(key: string, signal: AbortSignal): Promise<string> {
    const { viewer } = await this.#graphql(key, 'query Viewer { viewer { id entity } }', {}, signal);
    const entity = fieldOf(viewer, 'entity');
    if (typeof entity === 'string' && entity !== '') return entity;
    throw new DeliveryError('the key belongs to nobody that W&B knows', {
      isFinal: true,
      hint: 'check the key, or name the entity: init_kwargs=dict(entity=…)',
    });
  }

  /** The run's line files; `file_stream` takes each line at its number. */
  async #stream(run: OpenRun, body: object, signal: AbortSignal): Promise<void> {
    const place = [run.entity, run.project, this.#settings.runId].map(encodeURIComponent).join('/');
    const url = `${this.#settings.baseUrl}/files/${place}/file_stream`;
    await withKeyHint(request({ url, headers: { Authorization: basicAuth('api', run.key) }, body }, signal));
  }

  /** A file that can't be uploaded must not keep the end of the run from being told. */
  async #tryUpload(run: OpenRun, file: { path: string; name: string }, signal: AbortSignal): Promise<void> {
    const tries = (this.#uploadTries.get(file.name) ?? 0) + 1;
    if (tries > MAX_UPLOAD_TRIES) return;
    this.#uploadTries.set(file.name, tries);
    try {
      await this.#upload(run, file, signal);
      this.#uploadTries.set(file.name, MAX_UPLOAD_TRIES);
    } catch (error) {
      if (signal.aborted) throw error;
      const isFinal = !(error instanceof DeliveryError) || error.isFinal;
      if (!isFinal && tries < MAX_UPLOAD_TRIES) throw error;
      this.#uploadTries.set(file.name, MAX_UPLOAD_TRIES);
      this.#parts.onSkip(
        `${file.name} can't be uploaded to W&B: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async #upload(run: OpenRun, file: { path: string; name: string }, signal: AbortSignal): Promise<void> {
    const variables = {
      entity: run.entity,
      project: run.project,
      run: this.#settings.runId,
      files: [file.name],
    };
    const { createRunFiles } = await this.#graphql(run.key, CREATE_FILES, variables, signal);
    const files = fieldOf(createRunFiles, 'files');
    const url = Array.isArray(files) ? fieldOf(files[0], 'uploadUrl') : undefined;
    if (typeof url !== 'string')
      throw new DeliveryError('W&B gives no address to upload to', { isFinal: false });
    const headers: Record<string, string> = {};
    const given = fieldOf(createRunFiles, 'uploadHeaders');
    for (const line of Array.isArray(given) ? given.map(String) : []) {
      const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined) headers[name] = value;
    }
    const body = await this.#parts.fs.readFile(file.path);
    await request({ url: new URL(url, this.#settings.baseUrl).href, method: 'PUT', headers, body }, signal);
  }

  async #graphql(
    key: string,
    query: string,
    variables: object,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const answer = await withKeyHint(
      requestJson(
        {
          url: `${this.#settings.baseUrl}/graphql`,
          headers: { Authorization: basicAuth('api', key) },
          body: { query, variables },
        },
        signal,
      ),
    );
    const { data, errors } = answer;
    if (Array.isArray(errors) && errors.length > 0) {
      const message = textOr(fieldOf(errors[0], 'message'), 'it does not say why');
      throw new DeliveryError(`W&B refuses the request: ${message}`, { isFinal: true });
    }
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  }
}

/** A key that is wrong is the most frequent reason of all. */
async function withKeyHint<R>(delivery: Promise<R>): Promise<R> {
  try {
    return await delivery;
  } catch (error) {
    if (!(error instanceof DeliveryError) || (error.status !== 401 && error.status !== 403)) throw error;
    throw new DeliveryError(error.message, {
      isFinal: true,
      status: error.status,
      hint: 'check the API key (WANDB_API_KEY), and whether it may write to this entity and project',
      cause: error,
    });
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}
