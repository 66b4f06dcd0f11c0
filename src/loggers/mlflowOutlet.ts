// MLflow's tracking server over its REST API 2.0.
// Source: mlflow.org, "REST API" (experiments, runs, log-batch, search, update; mlflow-artifacts for uploads).

import { DeliveryError, requestJson, type HttpRequest } from './delivery/http.ts';
import { nextParcel, Uploads, type OutletParts, type UploadRecord } from './delivery/outlet.ts';
import { refusesData, sendInParts } from './delivery/refusals.ts';
import type { Delivery, Outlet } from './delivery/sender.ts';
import type { TrackedRunSettings } from './delivery/unsentFile.ts';
import { upload } from './delivery/upload.ts';
import { MlflowNames } from './mlflowNames.ts';

export interface MlflowMetric {
  readonly key: string;
  /** What isn't finite is a string: `NaN`. */
  readonly value: number | string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export type MlflowRecord =
  /** @param n its place among the run's records, from 0 */
  | { readonly kind: 'metrics'; readonly n: number; readonly metrics: readonly MlflowMetric[] }
  /** Goes into the run's artifacts. */
  | UploadRecord
  | { readonly kind: 'end'; readonly status: 'FINISHED' | 'KILLED' | 'FAILED'; readonly endTime: number };

/** `key` marks the run, so that one whose making was not answered is found again instead of made twice. */
export interface MlflowRunSettings extends TrackedRunSettings {
  readonly trackingUri: string;
  /** Null: the server's default experiment. */
  readonly experimentName: string | null;
  readonly startTime: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
}

export interface MlflowParts extends OutletParts<MlflowRunSettings> {
  /** Value of the header; null without. */
  readonly authorization: string | null;
}

interface OpenRun {
  readonly runId: string;
  readonly experimentId: string;
  readonly artifactUri: string;
  readonly status: string;
  /** Records that the server has: those with lower numbers. */
  taken: number;
}

const RUN_KEY_TAG = 'tabtrain.run_key';
/** Grows with each batch, in the same request: what a process that goes on needs to know. */
const RECORDS_TAG = 'tabtrain.records';
const DEFAULT_EXPERIMENT_ID = '0';
/** The server's limits for one log-batch; one place of the 1,000 is the tag's. */
const MAX_METRICS = 999;
const MAX_PARAMS = 100;
/** Characters of a parameter's and of a tag's value: what servers from 2.8 on take. */
const MAX_VALUE_CHARS = { params: 6000, tags: 5000 } as const;
/** Of a parameter's: before 2.8, and before 1.28. */
const OLDER_LIMITS = [500, 250];

type Pair = { readonly key: string; readonly value: string };
type PairKind = keyof typeof MAX_VALUE_CHARS;

/**
 * Delivers one run to MLflow. A metric that is sent twice is the same row twice, which the server keeps once; records
 * that a tag of the run counts already are left out. What the server refuses (a parameter that has another value there,
 * a value it can't keep) is left out and told; names that it can't take are spelled so that it can.
 */
export class MlflowOutlet implements Outlet<MlflowRecord> {
  readonly name = 'MLflow';
  readonly needsHeartbeat = false;
  readonly #settings: MlflowRunSettings;
  readonly #parts: MlflowParts;
  readonly #uploads: Uploads;
  readonly #names: Readonly<Record<PairKind | 'metrics', MlflowNames>>;
  readonly #refused = new Set<string>();
  #experimentId: string | null = null;
  #run: OpenRun | null = null;
  /** The run was asked for, and perhaps made. */
  #mayExist: boolean;

  constructor(settings: MlflowRunSettings, parts: MlflowParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#uploads = new Uploads(this.name, parts.onSkip);
    this.#mayExist = parts.isContinued;
    const makeNames = (): MlflowNames =>
      new MlflowNames((name, valid) =>
        parts.onSkip(
          `MLflow gets '${name}' as '${valid}': its names have letters, digits, '_', '-', '.', '/' and spaces only, at most 250`,
        ),
      );
    this.#names = { metrics: makeNames(), params: makeNames(), tags: makeNames() };
  }

  async send(records: readonly MlflowRecord[], delivery: Delivery): Promise<number> {
    const { signal } = delivery;
    this.#run ??= await this.#open(signal);
    const run = this.#run;
    const { count, file } = nextParcel(records);
    if (file) {
      await this.#uploads.take(file, delivery, () => this.#upload(run, file, delivery));
      return count;
    }
    const parcel = records.slice(0, count);
    await this.#logBatch(run, parcel, signal);
    const end = parcel.find((record) => record.kind === 'end');
    if (end) {
      const body = { run_id: run.runId, status: end.status, end_time: end.endTime };
      try {
        await this.#call('runs/update', body, signal);
      } catch (error) {
        if (!refusesData(error)) throw error;
        this.#tellRefused("the run's end", error);
      }
    }
    return count;
  }

  async #logBatch(run: OpenRun, records: readonly MlflowRecord[], signal: AbortSignal): Promise<void> {
    const wanted = records.filter((record) => record.kind === 'metrics').filter(({ n }) => n >= run.taken);
    if (wanted.length === 0) return;
    const taken = Math.max(...wanted.map(({ n }) => n)) + 1;
    const metrics = wanted
      .flatMap((record) => record.metrics)
      .map((metric) => ({ ...metric, key: this.#names.metrics.valid(metric.key) }));
    const tags = [{ key: RECORDS_TAG, value: String(taken) }];
    let isCounted = false;
    for (let at = 0; at < metrics.length; at += MAX_METRICS) {
      const isLast = at + MAX_METRICS >= metrics.length;
      const part = metrics.slice(at, at + MAX_METRICS);
      await sendInParts(part, {
        send: async (some) => {
          const isWhole = isLast && some === part;
          await this.#log(run, { metrics: some, tags: isWhole ? tags : [] }, signal);
          isCounted = isWhole;
        },
        probe: () => this.#log(run, {}, signal),
        onRefused: ({ key, step }, reason) => this.#tellRefused(`'${key}' at step ${step}`, reason, key),
      });
    }
    if (!isCounted) await this.#log(run, { tags }, signal);
    run.taken = taken;
  }

  async #log(
    { runId }: OpenRun,
    what: Readonly<{ metrics?: readonly MlflowMetric[]; params?: readonly Pair[]; tags?: readonly Pair[] }>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call('runs/log-batch', { run_id: runId, ...what }, signal);
  }

  /** Parameters or tags of the run; those that the server has with the same value stay. */
  async #logPairs(
    run: OpenRun,
    kind: PairKind,
    values: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const pairs = toPairs(values).map(({ key, value }) =>
      this.#cut(kind, { key: this.#names[kind].valid(key), value }, MAX_VALUE_CHARS[kind]),
    );
    for (let at = 0; at < pairs.length; at += MAX_PARAMS)
      await sendInParts(pairs.slice(at, at + MAX_PARAMS), {
        send: (some) => this.#log(run, { [kind]: some }, signal),
        probe: () => this.#log(run, {}, signal),
        onRefused: (pair, reason) => this.#logCut(run, kind, pair, reason, signal),
      });
  }

  /** What an older server refuses as too long is cut; the rest is left out. */
  async #logCut(
    run: OpenRun,
    kind: PairKind,
    pair: Pair,
    reason: DeliveryError,
    signal: AbortSignal,
  ): Promise<void> {
    const name = `the ${kind === 'params' ? 'parameter' : 'tag'} '${pair.key}'`;
    let last = reason;
    for (const limit of OLDER_LIMITS) {
      if (limit >= pair.value.length) continue;
      try {
        await this.#log(run, { [kind]: [{ ...pair, value: pair.value.slice(0, limit) }] }, signal);
        this.#tellCut(kind, pair, limit);
        return;
      } catch (error) {
        if (!refusesData(error)) throw error;
        last = error;
      }
    }
    this.#tellRefused(name, last);
  }

  #cut(kind: PairKind, pair: Pair, maxChars: number): Pair {
    if (pair.value.length <= maxChars) return pair;
    this.#tellCut(kind, pair, maxChars);
    return { key: pair.key, value: pair.value.slice(0, maxChars) };
  }

  #tellCut(kind: PairKind, { key, value }: Pair, maxChars: number): void {
    this.#parts.onSkip(
      `MLflow gets the first ${maxChars} characters of the ${kind === 'params' ? 'parameter' : 'tag'} '${key}': the server takes no more, but it has ${value.length}`,
    );
  }

  /** Once for each subject: a metric that is refused may come with every record. */
  #tellRefused(what: string, { message }: DeliveryError, subject = what): void {
    if (this.#refused.has(subject)) return;
    this.#refused.add(subject);
    this.#parts.onSkip(`MLflow refuses ${what}, which is left out: ${message}`);
  }

  async #open(signal: AbortSignal): Promise<OpenRun> {
    const { trackingUri } = this.#settings;
    this.#experimentId ??= await this.#askExperimentId(signal);
    const experimentId = this.#experimentId;
    const found = this.#mayExist ? await this.#findRun(experimentId, signal) : null;
    const run = found ?? (await this.#makeRun(experimentId, signal));
    await this.#logPairs(run, 'tags', this.#settings.tags, signal);
    await this.#logPairs(run, 'params', this.#settings.params, signal);
    if (this.#parts.isLive && run.status !== 'RUNNING')
      await this.#call('runs/update', { run_id: run.runId, status: 'RUNNING' }, signal);
    const url = `${trackingUri}/#/experiments/${experimentId}/runs/${run.runId}`;
    this.#parts.onOpen({ url, settings: this.#settings, known: run.taken });
    return run;
  }

  async #makeRun(experimentId: string, signal: AbortSignal): Promise<OpenRun> {
    const { startTime, key } = this.#settings;
    this.#mayExist = true;
    // The person's own tags follow: one that is refused must not keep the run from being made.
    const body = {
      experiment_id: experimentId,
      start_time: startTime,
      tags: [{ key: RUN_KEY_TAG, value: key }],
    };
    const { run } = await this.#call('runs/create', body, signal);
    return readRun(run, experimentId);
  }

  async #askExperimentId(signal: AbortSignal): Promise<string> {
    const { experimentName: name } = this.#settings;
    if (name === null) return DEFAULT_EXPERIMENT_ID;
    const found = await this.#findExperiment(name, signal);
    if (found !== null) return found;
    try {
      const { experiment_id: id } = await this.#call('experiments/create', { name }, signal);
      return String(id);
    } catch (error) {
      // Someone else made it meanwhile, or our own request whose answer got lost.
      const again =
        error instanceof DeliveryError && error.isFinal ? await this.#findExperiment(name, signal) : null;
      if (again === null) throw error;
      return again;
    }
  }

  /** @throws DeliveryError final for one that was deleted: nothing can be logged to it */
  async #findExperiment(name: string, signal: AbortSignal): Promise<string | null> {
    let answer: Record<string, unknown>;
    try {
      answer = await this.#call(
        `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
        undefined,
        signal,
      );
    } catch (error) {
      // A 404 of the API says so in JSON; any other is somebody else's page.
      const isMissing = error instanceof DeliveryError && /RESOURCE_DOES_NOT_EXIST/.test(error.message);
      if (isMissing) return null;
      throw error;
    }
    const experiment = (answer.experiment ?? {}) as Record<string, unknown>;
    if (experiment.lifecycle_stage === 'deleted') {
      throw new DeliveryError(`the experiment '${name}' was deleted`, {
        isFinal: true,
        hint: 'restore it, or choose another exp_name',
      });
    }
    return String(experiment.experiment_id);
  }

  async #findRun(experimentId: string, signal: AbortSignal): Promise<OpenRun | null> {
    const filter = `tags.\`${RUN_KEY_TAG}\` = '${this.#settings.key}'`;
    const body = { experiment_ids: [experimentId], filter, max_results: 1 };
    const { runs } = await this.#call('runs/search', body, signal);
    return Array.isArray(runs) && runs.length > 0 ? readRun(runs[0], experimentId) : null;
  }

  async #upload({ artifactUri }: OpenRun, file: UploadRecord, delivery: Delivery): Promise<void> {
    const inside = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(artifactUri)?.[1];
    if (inside === undefined) {
      throw new DeliveryError(
        `the server keeps artifacts at ${artifactUri}, which only its own client reaches`,
        {
          isFinal: true,
          hint: 'start it with --serve-artifacts',
        },
      );
    }
    const body = await this.#parts.fs.readFile(file.path);
    const place = `${inside}/${file.name}`.split('/').map(encodeURIComponent).join('/');
    const url = `${this.#settings.trackingUri}/api/2.0/mlflow-artifacts/artifacts/${place}`;
    await upload({ url, headers: this.#headers(), body }, delivery);
  }

  async #call(endpoint: string, body: unknown, signal: AbortSignal): Promise<Record<string, unknown>> {
    const what: HttpRequest = {
      url: `${this.#settings.trackingUri}/api/2.0/mlflow/${endpoint}`,
      headers: this.#headers(),
      body,
    };
    try {
      return await requestJson(what, signal);
    } catch (error) {
      if (!(error instanceof DeliveryError) || (error.status !== 401 && error.status !== 403)) throw error;
      throw new DeliveryError(error.message, {
        isFinal: true,
        status: error.status,
        hint: 'check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN',
        cause: error,
      });
    }
  }

  #headers(): Record<string, string> {
    const { authorization } = this.#parts;
    return authorization === null ? {} : { Authorization: authorization };
  }
}

function toPairs(values: Readonly<Record<string, string>>): Pair[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

function readRun(value: unknown, experimentId: string): OpenRun {
  const { info, data } = (value ?? {}) as { info?: Record<string, unknown>; data?: { tags?: unknown } };
  if (typeof info?.run_id !== 'string')
    throw new DeliveryError('MLflow must answer with the run it made, but does not', { isFinal: true });
  const tags = Array.isArray(data?.tags) ? (data.tags as { key: string; value: string }[]) : [];
  return {
    runId: info.run_id,
    experimentId,
    artifactUri: String(info.artifact_uri ?? ''),
    status: String(info.status ?? 'RUNNING'),
    taken: Number(tags.find(({ key }) => key === RECORDS_TAG)?.value ?? 0),
  };
}
