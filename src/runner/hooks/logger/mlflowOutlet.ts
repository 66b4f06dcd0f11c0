// MLflow's tracking server over its REST API 2.0.
// Source: mlflow.org, "REST API" (experiments, runs, log-batch, search, update; mlflow-artifacts for uploads).

import type { FileSystem } from '../../../util/fileSystem.ts';
import { DeliveryError, request, requestJson, type HttpRequest } from './delivery/http.ts';
import type { Outlet } from './delivery/sender.ts';

export interface MlflowMetric {
  readonly key: string;
  /** What isn't finite is a string: `NaN`. */
  readonly value: number | string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export type MlflowRecord =
  | { readonly kind: 'metrics'; readonly metrics: readonly MlflowMetric[] }
  /** A file, put into the run's artifacts. */
  | { readonly kind: 'file'; readonly path: string; readonly artifactPath: string }
  | { readonly kind: 'end'; readonly status: 'FINISHED' | 'KILLED' | 'FAILED'; readonly endTime: number };

export interface MlflowRunSettings {
  readonly trackingUri: string;
  /** Null without. */
  readonly authorization: string | null;
  /** Null: the server's default experiment. */
  readonly experimentName: string | null;
  /** Marks the run, so that one whose making was not answered is found again instead of made twice. */
  readonly runKey: string;
  readonly startTime: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
}

export interface MlflowParts {
  readonly fs: FileSystem;
  /** Hears the run's address in MLflow's pages. */
  onOpen(url: string): void;
  /** Hears of a file that can't be uploaded. */
  onSkip(message: string): void;
}

interface OpenRun {
  readonly runId: string;
  readonly experimentId: string;
  readonly artifactUri: string;
}

const RUN_KEY_TAG = 'tabtrain.run_key';
const DEFAULT_EXPERIMENT_ID = '0';
/** The server's limits for one log-batch. */
const MAX_METRICS = 1000;
const MAX_PARAMS = 100;
const MAX_UPLOAD_TRIES = 3;

/** Delivers one run to MLflow. A metric that is sent twice is the same row twice, which the server keeps once. */
export class MlflowOutlet implements Outlet<MlflowRecord> {
  readonly name = 'MLflow';
  readonly #settings: MlflowRunSettings;
  readonly #parts: MlflowParts;
  #experimentId: string | null = null;
  #run: OpenRun | null = null;
  /** The run was asked for, and perhaps made. */
  #mayExist = false;
  readonly #uploadTries = new Map<string, number>();

  constructor(settings: MlflowRunSettings, parts: MlflowParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  async send(records: readonly MlflowRecord[], signal: AbortSignal): Promise<void> {
    this.#run ??= await this.#open(signal);
    const { runId } = this.#run;
    const metrics = records.flatMap((record) => (record.kind === 'metrics' ? record.metrics : []));
    for (let at = 0; at < metrics.length; at += MAX_METRICS)
      await this.#call(
        'runs/log-batch',
        { run_id: runId, metrics: metrics.slice(at, at + MAX_METRICS) },
        signal,
      );
    for (const record of records)
      if (record.kind === 'file') await this.#tryUpload(this.#run, record, signal);
    const end = records.find((record) => record.kind === 'end');
    if (end)
      await this.#call('runs/update', { run_id: runId, status: end.status, end_time: end.endTime }, signal);
  }

  async #open(signal: AbortSignal): Promise<OpenRun> {
    const { trackingUri, params, tags, startTime, runKey } = this.#settings;
    this.#experimentId ??= await this.#askExperimentId(signal);
    const experimentId = this.#experimentId;
    let run = this.#mayExist ? await this.#findRun(experimentId, signal) : null;
    if (!run) {
      this.#mayExist = true;
      const allTags = { ...tags, [RUN_KEY_TAG]: runKey };
      const answer = await this.#call(
        'runs/create',
        { experiment_id: experimentId, start_time: startTime, tags: toPairs(allTags) },
        signal,
      );
      run = readRun(answer.run, experimentId);
    }
    const pairs = toPairs(params);
    for (let at = 0; at < pairs.length; at += MAX_PARAMS)
      await this.#call(
        'runs/log-batch',
        { run_id: run.runId, params: pairs.slice(at, at + MAX_PARAMS) },
        signal,
      );
    this.#parts.onOpen(`${trackingUri}/#/experiments/${experimentId}/runs/${run.runId}`);
    return run;
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
    const filter = `tags.\`${RUN_KEY_TAG}\` = '${this.#settings.runKey}'`;
    const body = { experiment_ids: [experimentId], filter, max_results: 1 };
    const { runs } = await this.#call('runs/search', body, signal);
    return Array.isArray(runs) && runs.length > 0 ? readRun(runs[0], experimentId) : null;
  }

  /** A file that can't be uploaded must not keep the end of the run from being told. */
  async #tryUpload(
    run: OpenRun,
    file: { path: string; artifactPath: string },
    signal: AbortSignal,
  ): Promise<void> {
    const tries = (this.#uploadTries.get(file.path) ?? 0) + 1;
    if (tries > MAX_UPLOAD_TRIES) return;
    this.#uploadTries.set(file.path, tries);
    try {
      await this.#upload(run, file, signal);
      this.#uploadTries.set(file.path, MAX_UPLOAD_TRIES);
    } catch (error) {
      if (signal.aborted) throw error;
      const isFinal = !(error instanceof DeliveryError) || error.isFinal;
      if (!isFinal && tries < MAX_UPLOAD_TRIES) throw error;
      this.#uploadTries.set(file.path, MAX_UPLOAD_TRIES);
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.onSkip(`${file.path} can't be uploaded to MLflow: ${reason}`);
    }
  }

  async #upload(
    { artifactUri }: OpenRun,
    file: { path: string; artifactPath: string },
    signal: AbortSignal,
  ): Promise<void> {
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
    const place = `${inside}/${file.artifactPath}`.split('/').map(encodeURIComponent).join('/');
    const url = `${this.#settings.trackingUri}/api/2.0/mlflow-artifacts/artifacts/${place}`;
    await request({ url, method: 'PUT', headers: this.#headers(), body }, signal);
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
    const { authorization } = this.#settings;
    return authorization === null ? {} : { Authorization: authorization };
  }
}

function toPairs(values: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

function readRun(value: unknown, experimentId: string): OpenRun {
  const { info } = (value ?? {}) as { info?: Record<string, unknown> };
  if (typeof info?.run_id !== 'string')
    throw new DeliveryError('MLflow must answer with the run it made, but does not', { isFinal: true });
  return { runId: info.run_id, experimentId, artifactUri: String(info.artifact_uri ?? '') };
}
