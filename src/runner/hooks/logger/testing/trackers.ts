// What W&B's and MLflow's servers keep of a run, as far as their protocols say; strict about what they refuse.

import { posix } from 'node:path';
import type { Answer, Received } from './trackingServer.ts';
import { at as itemAt } from '../../../../util/at.ts';

export interface TrackedPoint {
  readonly step: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** One tracking service behind a {@link TrackingServer}. */
export interface Tracker {
  handle(request: Received): Answer;
  readonly runCount: number;
  /** Every point of a run, in order. @param index of the run, in the order in which they were made */
  pointsOf(index: number): readonly TrackedPoint[];
  /** The same of the only run; throws when there are several. */
  points(): readonly TrackedPoint[];
  /** How the latest run ended, as the service says it; null while it runs. */
  ended(): string | null;
}

const bad = (status: number, json: unknown): Answer => ({ status, json });
const bodyOf = (request: Received): Record<string, unknown> =>
  JSON.parse(request.body.toString('utf8')) as Record<string, unknown>;

interface WandbRun {
  readonly history: string[];
  summary: Record<string, unknown>;
  exitCode: number | null;
}

function onlyPoints(tracker: Tracker): readonly TrackedPoint[] {
  if (tracker.runCount > 1) throw new Error(`${tracker.runCount} runs`);
  return tracker.pointsOf(0);
}

/** Source: see wandbOutlet.ts. */
export class FakeWandb implements Tracker {
  static readonly key = 'k'.repeat(40);
  readonly variables: Record<string, unknown>[] = [];
  readonly files = new Map<string, string>();
  /** Posts that only said that the run is alive. */
  heartbeats = 0;
  /** Longest line of history or summary that is taken, in characters. */
  maxLineChars = Infinity;
  /** True: the run's description is refused, as GraphQL does. */
  refusesConfig = false;
  readonly #runs = new Map<string, WandbRun>();

  handle(request: Received): Answer {
    if (request.path.startsWith('/upload/')) {
      this.files.set(
        decodeURIComponent(request.path.slice('/upload/'.length)),
        request.body.toString('utf8'),
      );
      return { json: {} };
    }
    const auth = `Basic ${Buffer.from(`api:${FakeWandb.key}`).toString('base64')}`;
    if (request.authorization !== auth) return bad(401, { error: 'user is not logged in' });
    if (request.path === '/graphql') return this.#graphql(bodyOf(request));
    const [, place] = /^\/files\/me\/([^/]+\/[^/]+)\/file_stream$/.exec(request.path) ?? [];
    const run = this.#runs.get(place ?? '');
    return run ? this.#stream(run, bodyOf(request)) : bad(404, { error: `no run at ${request.path}` });
  }

  get runCount(): number {
    return this.#runs.size;
  }

  pointsOf(index: number): readonly TrackedPoint[] {
    const history = [...this.#runs.values()].at(index)?.history ?? [];
    return history.map((line) => {
      const {
        _step: step,
        _timestamp: _t,
        _runtime: _r,
        ...values
      } = JSON.parse(line) as Record<string, unknown>;
      return { step: Number(step), values };
    });
  }

  points(): readonly TrackedPoint[] {
    return onlyPoints(this);
  }

  ended(): string | null {
    const exitCode = this.#latest?.exitCode ?? null;
    return exitCode === null ? null : `exit code ${exitCode}`;
  }

  /** Of the latest run. */
  get summary(): Readonly<Record<string, unknown>> {
    return this.#latest?.summary ?? {};
  }

  get #latest(): WandbRun | undefined {
    return [...this.#runs.values()].at(-1);
  }

  #graphql({ query, variables }: Record<string, unknown>): Answer {
    const given = variables as Record<string, unknown>;
    if (String(query).includes('viewer')) return { json: { data: { viewer: { id: '1', entity: 'me' } } } };
    if (String(query).includes('createRunFiles')) {
      const files = (given.files as string[]).map((name) => ({
        name,
        uploadUrl: `/upload/${encodeURIComponent(name)}`,
      }));
      return { json: { data: { createRunFiles: { runID: '1', uploadHeaders: ['X-Test: yes'], files } } } };
    }
    if (!String(query).includes('upsertBucket')) return bad(400, { errors: [{ message: 'unknown query' }] });
    if (this.refusesConfig && given.config !== undefined)
      return { json: { errors: [{ message: 'config is too large' }], data: null } };
    this.variables.push(given);
    const place = `${String(given.project)}/${String(given.name)}`;
    const run = this.#runs.get(place) ?? { history: [], summary: {}, exitCode: null };
    this.#runs.set(place, run);
    const project = { name: given.project, entity: { name: 'me' } };
    const historyLineCount = run.history.length;
    const bucket = { id: 'x', name: given.name, displayName: 'calm-sea-1', historyLineCount, project };
    return { json: { data: { upsertBucket: { bucket, inserted: true } } } };
  }

  #stream(run: WandbRun, body: Record<string, unknown>): Answer {
    const files = (body.files ?? {}) as Record<string, { offset: number; content: string[] } | undefined>;
    const history = files['wandb-history.jsonl'];
    for (const line of Object.values(files).flatMap((file) => file?.content ?? []))
      if (line.length > this.maxLineChars) return bad(400, { error: 'line is too long' });
    if (history) {
      if (history.offset > run.history.length) return bad(400, { error: 'lines are missing' });
      for (const [i, line] of history.content.entries()) {
        const at = history.offset + i;
        // Sending again may only repeat what was sent.
        if (run.history[at] !== undefined && run.history[at] !== line)
          return bad(400, { error: 'a line changed' });
        run.history[at] = line;
      }
    }
    const summary = files['wandb-summary.json'];
    if (summary) run.summary = JSON.parse(itemAt(summary.content, 0)) as Record<string, unknown>;
    // Whatever comes behind the end says that the run goes on.
    run.exitCode = body.complete === true ? Number(body.exitcode) : null;
    if (Object.keys(body).length === 0) this.heartbeats += 1;
    return { json: { exitcode: null, limits: {} } };
  }
}

interface MlflowRun {
  readonly id: string;
  readonly experimentId: string;
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  /** As the SQL store keeps them: equal rows once. */
  readonly metrics: Map<string, { key: string; value: unknown; step: number }>;
  status: string;
}

/** Source: see mlflowOutlet.ts. */
export class FakeMlflow implements Tracker {
  readonly experiments = new Map<string, string>([['Default', '0']]);
  readonly runs: MlflowRun[] = [];
  readonly artifacts = new Map<string, number>();
  /** Every one that a run was given, in order. */
  readonly statuses: string[] = [];
  /** When set, what a request must bring. */
  authorization: string | undefined;
  /** Characters of a parameter's value: 250, 500 or 6000, by the server's version. */
  maxParamChars = 6000;
  /** As of stores that can't keep NaN. */
  refusesNaN = false;
  /** As of runs that somebody has deleted in the server's pages. */
  isRunDeleted = false;

  handle(request: Received): Answer {
    if (this.authorization !== undefined && request.authorization !== this.authorization)
      return bad(401, { error_code: 'UNAUTHENTICATED', message: 'You are not authenticated.' });
    const uploads = '/api/2.0/mlflow-artifacts/artifacts/';
    if (request.method === 'PUT' && request.path.startsWith(uploads)) {
      this.artifacts.set(request.path.slice(uploads.length), request.body.length);
      return { json: {} };
    }
    const url = new URL(request.path, 'http://x');
    const endpoint = url.pathname.replace('/api/2.0/mlflow/', '');
    if (endpoint === 'experiments/get-by-name')
      return this.#experiment(url.searchParams.get('experiment_name') ?? '');
    if (request.method !== 'POST') return bad(405, {});
    return this.#post(endpoint, bodyOf(request));
  }

  get runCount(): number {
    return this.runs.length;
  }

  pointsOf(index: number): readonly TrackedPoint[] {
    const points = new Map<number, Record<string, unknown>>();
    for (const { key, value, step } of this.runs.at(index)?.metrics.values() ?? []) {
      const values = points.get(step) ?? {};
      if (key in values) throw new Error(`${key} at step ${step} is there twice`);
      values[key] = value;
      points.set(step, values);
    }
    return [...points].map(([step, values]) => ({ step, values }));
  }

  points(): readonly TrackedPoint[] {
    return onlyPoints(this);
  }

  ended(): string | null {
    const status = this.runs.at(-1)?.status ?? 'RUNNING';
    return status === 'RUNNING' ? null : status;
  }

  #experiment(name: string): Answer {
    const id = this.experiments.get(name);
    if (id === undefined) return bad(404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: name });
    return { json: { experiment: { experiment_id: id, name, lifecycle_stage: 'active' } } };
  }

  #post(endpoint: string, body: Record<string, unknown>): Answer {
    const run = this.runs.find(({ id }) => id === body.run_id);
    switch (endpoint) {
      case 'experiments/create': {
        const name = String(body.name);
        if (this.experiments.has(name)) return bad(400, { error_code: 'RESOURCE_ALREADY_EXISTS' });
        this.experiments.set(name, String(this.experiments.size));
        return { json: { experiment_id: this.experiments.get(name) } };
      }
      case 'runs/create':
        return this.#createRun(body);
      case 'runs/search': {
        const [, tag = '', value] = /^tags\.`(.*)` = '(.*)'$/.exec(String(body.filter)) ?? [];
        const runs = this.runs.filter(({ tags }) => tags.get(tag) === value).map(toJson);
        return { json: runs.length === 0 ? {} : { runs } };
      }
      case 'runs/log-batch':
        return run ? this.#logBatch(run, body) : bad(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' });
      case 'runs/update':
        if (!run) return bad(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' });
        run.status = String(body.status);
        this.statuses.push(run.status);
        return { json: { run_info: toJson(run).info } };
      default:
        return bad(404, { error_code: 'ENDPOINT_NOT_FOUND' });
    }
  }

  /** Nothing of a batch is kept when one of its entries is refused. */
  #logBatch(run: MlflowRun, body: Record<string, unknown>): Answer {
    const metrics = (body.metrics ?? []) as {
      key: string;
      value: unknown;
      timestamp: number;
      step: number;
    }[];
    const params = (body.params ?? []) as { key: string; value: string }[];
    const tags = (body.tags ?? []) as { key: string; value: string }[];
    const refuse = (message: string): Answer => bad(400, { error_code: 'INVALID_PARAMETER_VALUE', message });
    if (this.isRunDeleted) return refuse(`The run ${run.id} must be in the 'active' state.`);
    if (metrics.length + params.length + tags.length > 1000 || params.length > 100 || tags.length > 100)
      return refuse('A batch logging request can contain at most 1000 metrics, params, and tags.');
    for (const { key } of [...metrics, ...params, ...tags]) {
      if (!/^[/\p{L}\p{N}_.\- ]*$/u.test(key)) return refuse(`Invalid metric name: '${key}'.`);
      if (key === '' || posix.normalize(key) !== key || /^(\.|\/)/.test(key) || key.endsWith('/'))
        return refuse(`Invalid metric name: '${key}'. Names may be treated as files in certain cases.`);
      if (key.length > 250)
        return refuse(`Metric name had length ${key.length}, which exceeded length limit of 250`);
    }
    for (const { key, value } of params) {
      const had = `Param value '${value.slice(0, 250)}' had length ${value.length}`;
      if (value.length > this.maxParamChars)
        return refuse(`${had}, which exceeded length limit of ${this.maxParamChars}`);
      if (run.params.has(key) && run.params.get(key) !== value)
        return refuse(`Changing param values is not allowed. Param with key='${key}' was already logged.`);
    }
    for (const { value } of tags)
      if (value.length > 5000) return refuse('Tag value exceeded length limit of 5000');
    for (const { key, value } of metrics)
      if (value === 'NaN' && this.refusesNaN) return refuse(`Got invalid value nan for metric '${key}'.`);
    for (const { key, value } of params) run.params.set(key, value);
    for (const { key, value } of tags) run.tags.set(key, value);
    for (const metric of metrics) run.metrics.set(JSON.stringify(metric), metric);
    return { json: {} };
  }

  #createRun({ experiment_id: experimentId, tags }: Record<string, unknown>): Answer {
    if (![...this.experiments.values()].includes(String(experimentId))) return bad(404, {});
    const pairs = tags as { key: string; value: string }[];
    const run: MlflowRun = {
      id: `run${this.runs.length}`,
      experimentId: String(experimentId),
      tags: new Map(pairs.map(({ key, value }) => [key, value])),
      params: new Map(),
      metrics: new Map(),
      status: 'RUNNING',
    };
    this.runs.push(run);
    return { json: { run: toJson(run) } };
  }
}

function toJson({
  id,
  experimentId,
  status,
  tags,
}: MlflowRun): Record<'info' | 'data', Record<string, unknown>> {
  const artifactUri = `mlflow-artifacts:/${experimentId}/${id}/artifacts`;
  const data = { tags: [...tags].map(([key, value]) => ({ key, value })) };
  return { info: { run_id: id, experiment_id: experimentId, status, artifact_uri: artifactUri }, data };
}
