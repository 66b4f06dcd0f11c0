// What W&B's and MLflow's servers keep of a run, as far as their protocols say; strict about what they refuse.

import type { Answer, Received } from './trackingServer.ts';

export interface TrackedPoint {
  readonly step: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** One tracking service behind a {@link TrackingServer}. */
export interface Tracker {
  handle(request: Received): Answer;
  /** Every point of the run, in order; throws when there are several runs. */
  points(): readonly TrackedPoint[];
  /** How the run ended, as the service says it; null while it runs. */
  ended(): string | null;
}

const bad = (status: number, json: unknown): Answer => ({ status, json });
const bodyOf = (request: Received): Record<string, unknown> =>
  JSON.parse(request.body.toString('utf8')) as Record<string, unknown>;

/** Source: see wandbOutlet.ts. */
export class FakeWandb implements Tracker {
  static readonly key = 'k'.repeat(40);
  readonly variables: Record<string, unknown>[] = [];
  readonly files = new Map<string, string>();
  readonly history: string[] = [];
  summary: Record<string, unknown> = {};
  #runIds = new Set<string>();
  #exitCode: number | null = null;

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
    const [, id] = /^\/files\/me\/boxes\/([^/]+)\/file_stream$/.exec(request.path) ?? [];
    if (id === undefined || !this.#runIds.has(id)) return bad(404, { error: `no run at ${request.path}` });
    return this.#stream(bodyOf(request));
  }

  points(): readonly TrackedPoint[] {
    if (this.#runIds.size > 1) throw new Error(`${this.#runIds.size} runs`);
    return this.history.map((line) => {
      const {
        _step: step,
        _timestamp: _t,
        _runtime: _r,
        ...values
      } = JSON.parse(line) as Record<string, unknown>;
      return { step: Number(step), values };
    });
  }

  ended(): string | null {
    return this.#exitCode === null ? null : `exit code ${this.#exitCode}`;
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
    this.variables.push(given);
    this.#runIds.add(String(given.name));
    const project = { name: 'boxes', entity: { name: 'me' } };
    const bucket = { id: 'x', name: given.name, displayName: 'calm-sea-1', historyLineCount: 0, project };
    return { json: { data: { upsertBucket: { bucket, inserted: true } } } };
  }

  #stream(body: Record<string, unknown>): Answer {
    const files = (body.files ?? {}) as Record<string, { offset: number; content: string[] } | undefined>;
    const history = files['wandb-history.jsonl'];
    if (history) {
      if (history.offset > this.history.length) return bad(400, { error: 'lines are missing' });
      for (const [i, line] of history.content.entries()) {
        const at = history.offset + i;
        // Sending again may only repeat what was sent.
        if (this.history[at] !== undefined && this.history[at] !== line)
          return bad(400, { error: 'a line changed' });
        this.history[at] = line;
      }
    }
    const summary = files['wandb-summary.json'];
    if (summary) this.summary = JSON.parse(summary.content[0]) as Record<string, unknown>;
    if (body.complete === true) this.#exitCode = Number(body.exitcode);
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
  /** When set, what a request must bring. */
  authorization: string | undefined;

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

  points(): readonly TrackedPoint[] {
    if (this.runs.length > 1) throw new Error(`${this.runs.length} runs`);
    const points = new Map<number, Record<string, unknown>>();
    for (const { key, value, step } of this.runs.at(0)?.metrics.values() ?? []) {
      const values = points.get(step) ?? {};
      values[key] = value;
      points.set(step, values);
    }
    return [...points].map(([step, values]) => ({ step, values }));
  }

  ended(): string | null {
    const status = this.runs.at(0)?.status ?? 'RUNNING';
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
        const [, tag, value] = /^tags\.`(.*)` = '(.*)'$/.exec(String(body.filter)) ?? [];
        const runs = this.runs.filter(({ tags }) => tags.get(tag) === value).map(toJson);
        return { json: runs.length === 0 ? {} : { runs } };
      }
      case 'runs/log-batch':
        return run ? logBatch(run, body) : bad(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' });
      case 'runs/update':
        if (!run) return bad(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' });
        run.status = String(body.status);
        return { json: { run_info: toJson(run).info } };
      default:
        return bad(404, { error_code: 'ENDPOINT_NOT_FOUND' });
    }
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

function toJson({ id, experimentId, status }: MlflowRun): { info: Record<string, unknown> } {
  const artifactUri = `mlflow-artifacts:/${experimentId}/${id}/artifacts`;
  return { info: { run_id: id, experiment_id: experimentId, status, artifact_uri: artifactUri } };
}

function logBatch(run: MlflowRun, body: Record<string, unknown>): Answer {
  const metrics = (body.metrics ?? []) as { key: string; value: unknown; timestamp: number; step: number }[];
  const params = (body.params ?? []) as { key: string; value: string }[];
  if (metrics.length > 1000 || params.length > 100)
    return bad(400, { error_code: 'INVALID_PARAMETER_VALUE' });
  for (const { key, value } of params) {
    if (run.params.has(key) && run.params.get(key) !== value) return bad(400, { error_code: 'INVALID' });
    run.params.set(key, value);
  }
  for (const metric of metrics) run.metrics.set(JSON.stringify(metric), metric);
  return { json: {} };
}
