import { ConfigError } from '../../../errors/trainerError.ts';
import { plainStr } from '../../../lang/plainRepr.ts';
import {
  declareArgs,
  flag,
  dict,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { HOOKS } from '../../../registry/registries.ts';
import { maskSecretsIn } from '../../../util/secrets.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { LOGGER_ARGS } from './base.ts';
import type { OutletParts, UploadRecord } from '../../../loggers/delivery/outlet.ts';
import { jsonNumber, RemoteLoggerHook, type RemotePace, type RunOutcome } from './remoteLogger.ts';
import { readServerAddress, type ServerAddress } from '../../../loggers/delivery/serverAddress.ts';
import { readMlflowCredentials } from '../../../loggers/mlflowCredentials.ts';
import {
  MlflowOutlet,
  type MlflowMetric,
  type MlflowRecord,
  type MlflowRunSettings,
} from '../../../loggers/mlflowOutlet.ts';

const URI_HINT = "write tracking_uri='http://localhost:5000', or set MLFLOW_TRACKING_URI";

const ARGS = declareArgs({
  exp_name: optional(
    orNone(str),
    null,
    "Experiment, made when there is none; None: the server's default one.",
  ),
  tags: optional(orNone(dict), null, 'Tags of the run.'),
  params: optional(orNone(dict), null, 'Parameters of the run.'),
  log_model: optional(flag, true, 'Upload the last checkpoint as an artifact.'),
  ...LOGGER_ARGS.table,
  tracking_uri: optional(orNone(str), null, 'Address of the tracking server; None: MLFLOW_TRACKING_URI.'),
});

/**
 * Logs to an MLflow tracking server. Credentials come from the address or from MLFLOW_TRACKING_USERNAME and
 * MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.
 * Source: mmcv 1.7.2 `hooks/logger/mlflow.py`. Differs: `tracking_uri` is ours; the training never waits for the
 * network; `log_model` uploads the checkpoint's file under `models/`, which needs a server with `--serve-artifacts`.
 */
export class MlflowLoggerHook extends RemoteLoggerHook<MlflowRecord, MlflowRunSettings> {
  static readonly args: ArgSpec = ARGS;
  override readonly serviceName = 'MLflow';
  override readonly service = 'mlflow';
  readonly #args: Complete<typeof ARGS>;
  readonly #address: ServerAddress;

  constructor(args: ArgsOf<typeof ARGS>, context: BuildContext, pace?: RemotePace) {
    super(args, context, pace);
    this.#args = withDefaults(ARGS, args);
    const uri = this.#args.trackingUri ?? context.services.readEnv?.('MLFLOW_TRACKING_URI');
    if (!uri) {
      throw new ConfigError('tracking_uri must name the MLflow server, but there is none', {
        code: 'missing-argument',
        hint: URI_HINT,
      });
    }
    this.#address = readServerAddress(uri, 'tracking_uri', URI_HINT);
  }

  protected override settingsOf(saved: MlflowRunSettings | null): MlflowRunSettings {
    const { expName, tags, params } = this.#args;
    const settings: MlflowRunSettings = {
      key: crypto.randomUUID(),
      trackingUri: this.#address.url,
      experimentName: expName ?? null,
      startTime: Date.now(),
      tags: toTexts(tags),
      params: toTexts(params),
    };
    if (!saved || !this.isSameServer(saved, settings)) return settings;
    // A parameter can't be changed once it is on the server: those of the run stay.
    return saved.experimentName === settings.experimentName ? saved : settings;
  }

  protected override isSameServer(a: MlflowRunSettings, b: MlflowRunSettings): boolean {
    return a.trackingUri === b.trackingUri;
  }

  protected override makeOutlet(
    settings: MlflowRunSettings,
    parts: OutletParts<MlflowRunSettings>,
  ): MlflowOutlet {
    const authorization = this.#address.authorization ?? readMlflowCredentials(this.context.services.readEnv);
    return new MlflowOutlet(settings, { ...parts, authorization });
  }

  override async log(runner: BaseRunner): Promise<void> {
    const timestamp = Date.now();
    const step = this.getIter(runner);
    const metrics = [...this.getLoggableTags(runner)].flatMap(([key, value]): MlflowMetric[] =>
      typeof value === 'number' ? [{ key, value: jsonNumber(value), timestamp, step }] : [],
    );
    if (metrics.length > 0) await this.push({ kind: 'metrics', n: this.takeNumber(), metrics });
  }

  protected override lastRecords(outcome: RunOutcome): MlflowRecord[] {
    const status = ({ finished: 'FINISHED', stopped: 'KILLED', failed: 'FAILED' } as const)[outcome];
    return [{ kind: 'end', status, endTime: Date.now() }];
  }

  protected override async lastFiles(runner: BaseRunner, outcome: RunOutcome): Promise<UploadRecord[]> {
    const path = runner.meta.hook_msgs?.last_ckpt;
    const isWanted = (this.#args.logModel ?? true) && outcome === 'finished';
    if (!isWanted || typeof path !== 'string' || !(await runner.fs.stat(path))) return [];
    return [{ kind: 'file', path, name: `models/${path.split('/').at(-1)}` }];
  }
}

HOOKS.registerModule()(MlflowLoggerHook);

/** MLflow keeps tags and parameters as text, as `str` gives it; secrets are masked. */
function toTexts(values: Readonly<Record<string, unknown>> | null | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([key, value]) => [key, plainStr(maskSecretsIn(value, key))]),
  );
}
