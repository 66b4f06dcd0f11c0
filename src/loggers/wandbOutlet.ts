// Weights & Biases over HTTP: `upsertBucket` makes the run, `file_stream` takes its history line by line.
// Source: github.com/wandb/wandb, `core/internal/filestream` and `core/api/graphql`; wandb 0.17 `sdk/internal`.

import { DeliveryError, request, requestJson } from './delivery/http.ts';
import { nextParcel, Uploads, type OutletParts, type UploadRecord } from './delivery/outlet.ts';
import { refusesData, sendInParts } from './delivery/refusals.ts';
import type { Delivery, Outlet } from './delivery/sender.ts';
import { basicAuth } from './delivery/serverAddress.ts';
import type { TrackedRunSettings } from './delivery/unsentFile.ts';
import { upload } from './delivery/upload.ts';

/** One thing to deliver. */
export type WandbRecord =
  /** @param n its place among the run's rows, from 0 */
  | { readonly kind: 'row'; readonly n: number; readonly row: WandbRow; readonly summary: WandbRow }
  /** Shown under the run's files. */
  | UploadRecord
  | { readonly kind: 'end'; readonly exitCode: number };

/** What isn't finite is a string: `NaN`. */
export type WandbRow = Readonly<Record<string, unknown>>;

/** `key` is the run's id: part of its address, and what makes asking for it twice harmless. */
export interface WandbRunSettings extends TrackedRunSettings {
  readonly baseUrl: string;
  readonly project: string;
  /** Null: the key's own. */
  readonly entity: string | null;
  readonly displayName: string | null;
  readonly notes: string | null;
  readonly group: string | null;
  readonly jobType: string | null;
  readonly tags: readonly string[] | null;
  /** True when a run of this id may have been made elsewhere and go on: its history is kept. */
  readonly goesOn: boolean;
  /** Line of our first row in the run's history; null until it has been opened. */
  readonly firstLine: number | null;
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

/** Code of an error that GraphQL answers, with status 200. */
const REFUSED_QUERY = 'query-refused';

/** A row of the history and its line. */
interface Line {
  readonly at: number;
  readonly row: WandbRow;
}

interface OpenRun {
  readonly entity: string;
  readonly project: string;
  readonly key: string;
  readonly firstLine: number;
  /** Rows that the server has: those with lower numbers. */
  taken: number;
}

export interface WandbParts extends OutletParts<WandbRunSettings> {
  /**
   * Gives the key.
   * @param refused why the last one did not do; null at first
   * @throws DeliveryError when there is none
   */
  askKey(refused: string | null): Promise<string>;
}

/**
 * Delivers one run to W&B. Lines carry their numbers, so that sending some twice overwrites them with themselves; rows
 * that an earlier process delivered are left out. A row that the server refuses leaves an empty one in its line; other
 * things it refuses (a summary, the run's description) are left out. Each is told.
 */
export class WandbOutlet implements Outlet<WandbRecord> {
  readonly name = 'W&B';
  /** W&B calls a run crashed that is silent for some minutes. */
  readonly needsHeartbeat = true;
  readonly #settings: WandbRunSettings;
  readonly #parts: WandbParts;
  readonly #uploads: Uploads;
  /** What was told to be refused. */
  readonly #refused = new Set<string>();
  #entity: string | null = null;
  #run: OpenRun | null = null;

  constructor(settings: WandbRunSettings, parts: WandbParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#uploads = new Uploads(this.name, parts.onSkip);
  }

  async send(records: readonly WandbRecord[], delivery: Delivery): Promise<number> {
    const { signal } = delivery;
    this.#run ??= await this.#open(signal);
    const run = this.#run;
    // An empty post is what W&B's own clients send every 30 s.
    if (records.length === 0) await this.#stream(run, {}, signal);
    const { count, file } = nextParcel(records);
    if (file) {
      await this.#uploads.take(file, delivery, () => this.#upload(run, file, delivery));
      return count;
    }
    const parcel = records.slice(0, count);
    await this.#sendRows(run, parcel, signal);
    const end = parcel.find((record) => record.kind === 'end');
    if (end)
      await this.#unlessRefused("the run's end", () =>
        this.#stream(run, { complete: true, exitcode: end.exitCode }, signal),
      );
    return count;
  }

  async #sendRows(run: OpenRun, records: readonly WandbRecord[], signal: AbortSignal): Promise<void> {
    const rows = records.filter((record) => record.kind === 'row').filter(({ n }) => n >= run.taken);
    if (rows.length === 0) return;
    const first = run.firstLine + run.taken;
    const lines = rows.map(({ row }, i) => ({ at: first + i, row }));
    const history = (some: readonly Line[]): object => ({
      'wandb-history.jsonl': { offset: some[0]?.at, content: some.map(({ row }) => JSON.stringify(row)) },
    });
    const summary = {
      'wandb-summary.json': { offset: 0, content: [JSON.stringify(rows.at(-1)?.summary)] },
    };
    try {
      await this.#stream(run, { files: { ...history(lines), ...summary } }, signal);
    } catch (error) {
      if (!refusesData(error)) throw error;
      await sendInParts(lines, {
        send: (some) => this.#stream(run, { files: history(some) }, signal),
        probe: () => this.#stream(run, {}, signal),
        onRefused: async ({ at, row }, { message }) => {
          // Lines are counted: one must stay.
          const { _step, _timestamp, _runtime } = row;
          await this.#stream(run, { files: history([{ at, row: { _step, _timestamp, _runtime } }]) }, signal);
          this.#tellRefused('a row', `what was logged at step ${String(_step)}`, message);
        },
      });
      await this.#unlessRefused('the summary', () => this.#stream(run, { files: summary }, signal));
    }
    // Only now: rows that come again keep their lines.
    run.taken += rows.length;
  }

  async #unlessRefused(what: string, send: () => Promise<unknown>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!refusesData(error)) throw error;
      this.#tellRefused(what, what, error.message);
    }
  }

  /** The first of each kind: the others go the same way. */
  #tellRefused(kind: string, what: string, reason: string): void {
    if (this.#refused.has(kind)) return;
    this.#refused.add(kind);
    this.#parts.onSkip(`W&B refuses ${what}, which is left out: ${reason}`);
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
    const settings = this.#settings;
    this.#entity ??= settings.entity ?? (await this.#defaultEntity(key, signal));
    const entity = this.#entity;
    const place = { name: settings.key, project: settings.project, entity };
    const description = {
      displayName: settings.displayName ?? undefined,
      notes: settings.notes ?? undefined,
      groupName: settings.group ?? undefined,
      jobType: settings.jobType ?? undefined,
      tags: settings.tags ?? undefined,
      config: JSON.stringify(settings.config),
    };
    const upsertBucket = await this.#upsert(key, place, description, signal);
    const bucket = fieldOf(upsertBucket, 'bucket');
    const projectOf = fieldOf(bucket, 'project');
    const lines = Number(fieldOf(bucket, 'historyLineCount') ?? 0);
    const firstLine = settings.firstLine ?? (settings.goesOn ? lines : 0);
    const run = {
      entity: textOr(fieldOf(fieldOf(projectOf, 'entity'), 'name'), entity),
      project: textOr(fieldOf(projectOf, 'name'), settings.project),
      key,
      firstLine,
      taken: this.#parts.isContinued ? Math.max(0, lines - firstLine) : 0,
    };
    const pages = settings.baseUrl.replace('//api.', '//');
    const path = [run.entity, run.project, 'runs', settings.key].map(encodeURIComponent).join('/');
    const url = `${pages}/${path}`;
    this.#parts.onOpen({ url, settings: { ...settings, firstLine }, known: run.taken });
    return run;
  }

  /** Make the run, or find it; without its description where the server refuses that. */
  async #upsert(key: string, place: object, description: object, signal: AbortSignal): Promise<unknown> {
    try {
      return (await this.#graphql(key, UPSERT_RUN, { ...place, ...description }, signal)).upsertBucket;
    } catch (error) {
      if (!(error instanceof DeliveryError) || !(error.code === REFUSED_QUERY || refusesData(error)))
        throw error;
      const { upsertBucket } = await this.#graphql(key, UPSERT_RUN, place, signal);
      const what = Object.entries(description).flatMap(([name, value]) =>
        value === undefined ? [] : [name],
      );
      this.#parts.onSkip(
        `W&B refuses the description of the run (${what.join(', ')}), which is left out: ${error.message}`,
      );
      return upsertBucket;
    }
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
    const place = [run.entity, run.project, this.#settings.key].map(encodeURIComponent).join('/');
    const url = `${this.#settings.baseUrl}/files/${place}/file_stream`;
    await withKeyHint(request({ url, headers: { Authorization: basicAuth('api', run.key) }, body }, signal));
  }

  async #upload(run: OpenRun, file: UploadRecord, delivery: Delivery): Promise<void> {
    const variables = {
      entity: run.entity,
      project: run.project,
      run: this.#settings.key,
      files: [file.name],
    };
    const { createRunFiles } = await this.#graphql(run.key, CREATE_FILES, variables, delivery.signal);
    const files = fieldOf(createRunFiles, 'files');
    const url = Array.isArray(files) ? fieldOf(files[0], 'uploadUrl') : undefined;
    if (typeof url !== 'string')
      throw new DeliveryError('W&B gives no address to upload to', { isFinal: false });
    const headers: Record<string, string> = {};
    const given = fieldOf(createRunFiles, 'uploadHeaders');
    for (const line of Array.isArray(given) ? given.map(String) : []) {
      const [, name, value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined) headers[name] = value;
    }
    const body = await this.#parts.fs.readFile(file.path);
    await upload({ url: new URL(url, this.#settings.baseUrl).href, headers, body }, delivery);
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
      throw new DeliveryError(`W&B refuses the request: ${message}`, { isFinal: true, code: REFUSED_QUERY });
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
