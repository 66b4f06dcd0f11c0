import { ConfigError } from '../../../errors/trainerError.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { HOOKS } from '../../../registry/registries.ts';
import { joinPath } from '../../../storage/path.ts';
import type { FileSystem } from '../../../util/fileSystem.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import { LOGGER_ARGS, LOGGER_KINDS, type LoggerHookArgs } from './base.ts';
import { DeliveryError } from './delivery/http.ts';
import { jsonNumber, RemoteLoggerHook, type RemotePace, type RunOutcome } from './delivery/remoteLogger.ts';
import { readWandbInit, type WandbInit } from './wandbInit.ts';
import { WandbOutlet, type WandbRecord } from './wandbOutlet.ts';
import { SUMMARY_CHOICES, WandbSummary, type SummaryChoice } from './wandbSummary.ts';

interface WandbLoggerArgs extends LoggerHookArgs {
  /** The arguments of `wandb.init`. */
  initKwargs?: Record<string, unknown> | null;
  /** False: collect values in one row until the step changes. Default true. */
  commit?: boolean;
  /** False: count the rows, and log the iteration as `global_step`. Default true. */
  withStep?: boolean;
  /** Upload files of the work dir at the end. Default true. */
  logArtifact?: boolean;
  /** Which ones, by the ends of their names. */
  outSuffix?: string | readonly string[];
  /** What the summary keeps of a metric instead of its last value: `{'val/bbox_mAP': 'max'}`. */
  defineMetricCfg?: Readonly<Record<string, string>> | null;
}

interface Row {
  step: number;
  values: Record<string, unknown>;
}

/**
 * Logs to Weights & Biases. The key comes from WANDB_API_KEY, or from a person, asked once per session.
 * Source: mmcv 1.7.2 `hooks/logger/wandb.py`. Differs: the training never waits for the network; the files of the work
 * dir are uploaded as the run's files, not as an artifact; a row whose step is not above the last one is sent, where
 * W&B's client drops it.
 */
export class WandbLoggerHook extends RemoteLoggerHook<WandbRecord> {
  static readonly args = {
    optional: [
      'init_kwargs',
      ...LOGGER_ARGS,
      'commit',
      'with_step',
      'log_artifact',
      'out_suffix',
      'define_metric_cfg',
    ],
    kinds: {
      ...LOGGER_KINDS,
      init_kwargs: 'dict?',
      commit: 'bool',
      with_step: 'bool',
      log_artifact: 'bool',
      define_metric_cfg: 'dict?',
    },
  } as const satisfies ArgSpec;
  override readonly serviceName = 'W&B';
  readonly #init: WandbInit;
  readonly #commit: boolean;
  readonly #withStep: boolean;
  readonly #logArtifact: boolean;
  readonly #outSuffix: readonly string[];
  readonly #summary: WandbSummary;
  #open: Row | null = null;
  #nextStep = 0;
  #startMs = 0;

  constructor(args: WandbLoggerArgs, context: BuildContext, pace?: RemotePace) {
    super(args, context, pace);
    this.#init = readWandbInit(args.initKwargs ?? {}, context);
    this.#commit = args.commit ?? true;
    this.#withStep = args.withStep ?? true;
    this.#logArtifact = args.logArtifact ?? true;
    this.#outSuffix = [args.outSuffix ?? ['.log.json', '.log', '.py']].flat();
    this.#summary = new WandbSummary(readChoices(args.defineMetricCfg ?? {}, context));
  }

  protected override openOutlet(runner: BaseRunner): WandbOutlet | null {
    this.#startMs = Date.now();
    if (this.#init.isDisabled) return null;
    const { settings } = this.#init;
    return new WandbOutlet(settings, {
      fs: runner.fs,
      askKey: (refused) => this.#askKey(refused),
      onOpen: (url) => runner.logger.info(`W&B: view the run at ${url}`),
      onSkip: (message) => runner.logger.warning(message),
    });
  }

  override log(runner: BaseRunner): void {
    const tags = [...this.getLoggableTags(runner)];
    if (tags.length === 0) return;
    const values = Object.fromEntries(
      tags.map(([tag, v]) => [tag, typeof v === 'number' ? jsonNumber(v) : v]),
    );
    const iter = this.getIter(runner);
    const step = this.#withStep ? iter : this.#nextStep;
    if (this.#open && this.#open.step !== step) this.#finishRow();
    this.#open ??= { step, values: {} };
    Object.assign(this.#open.values, values, !this.#withStep && { global_step: iter });
    if (this.#commit) this.#finishRow();
  }

  protected override async lastRecords(runner: BaseRunner, outcome: RunOutcome): Promise<WandbRecord[]> {
    this.#finishRow();
    const files: WandbRecord[] = [];
    if (this.#logArtifact && outcome !== 'failed') {
      await runner.logger.flush();
      for (const name of await filesBelow(runner.fs, runner.workDir))
        if (this.#outSuffix.some((suffix) => name.endsWith(suffix)))
          files.push({ kind: 'file', path: joinPath(runner.workDir, name), name });
    }
    return [...files, { kind: 'end', exitCode: outcome === 'failed' ? 1 : 0 }];
  }

  #finishRow(): void {
    if (!this.#open) return;
    const { step, values } = this.#open;
    this.#open = null;
    this.#nextStep = step + 1;
    const nowMs = Date.now();
    const row = {
      ...values,
      _step: step,
      _timestamp: nowMs / 1000,
      _runtime: (nowMs - this.#startMs) / 1000,
    };
    this.push({ kind: 'row', row, summary: this.#summary.update(row) });
  }

  async #askKey(refused: string | null): Promise<string> {
    const { readEnv, askSecret } = this.context.services;
    const fromEnv = readEnv?.('WANDB_API_KEY')?.trim();
    if (fromEnv && refused === null) return fromEnv;
    const typed = fromEnv ? null : await askSecret?.({ ...this.#init.keyRequest, refused });
    if (typed) return typed.trim();
    throw new DeliveryError(refused ?? 'there is no API key', {
      isFinal: true,
      hint: `set WANDB_API_KEY to a key from ${this.#init.keyRequest.url}`,
    });
  }
}

HOOKS.registerModule()(WandbLoggerHook);

/** MMCV warns of a choice that W&B doesn't know and goes on. */
function readChoices(
  cfg: Readonly<Record<string, unknown>>,
  { services }: BuildContext,
): [string, SummaryChoice][] {
  return Object.entries(cfg).flatMap(([metric, summary]): [string, SummaryChoice][] => {
    if (metric === '') {
      throw new ConfigError('define_metric_cfg must name metrics, but one name is empty', {
        code: 'bad-value',
      });
    }
    const choice = SUMMARY_CHOICES.find((one) => one === summary);
    if (choice) return [[metric, choice]];
    services.warn(
      `summary should be in [${SUMMARY_CHOICES.map((c) => `'${c}'`).join(', ')}]. metric=${metric}, summary=${String(summary)} will be skipped.`,
    );
    return [];
  });
}

/** Every file of a folder and its subfolders, by path inside it. */
async function filesBelow(fs: FileSystem, folder: string, inside = ''): Promise<string[]> {
  const names: string[] = [];
  for (const { name, kind } of await fs.list(joinPath(folder, inside))) {
    const path = inside === '' ? name : `${inside}/${name}`;
    if (kind === 'file') names.push(path);
    else names.push(...(await filesBelow(fs, folder, path)));
  }
  return names;
}
