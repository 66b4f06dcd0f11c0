import { ConfigError } from '../../../errors/trainerError.ts';
import {
  declareArgs,
  flag,
  dict,
  oneOrMore,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
} from '../../../registry/args/index.ts';
import type { ArgSpec } from '../../../registry/argSpec.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { HOOKS } from '../../../registry/registries.ts';
import { joinPath } from '../../../storage/path.ts';
import type { BaseRunner } from '../../baseRunner.ts';
import type { HookState } from '../hook.ts';
import { LOGGER_ARGS } from './base.ts';
import type { OutletParts, UploadRecord } from '../../../loggers/delivery/outlet.ts';
import { jsonNumber, RemoteLoggerHook, type RemotePace, type RunOutcome } from './remoteLogger.ts';
import { filesBelow } from './filesBelow.ts';
import { readWandbInit, type WandbInit } from './wandbInit.ts';
import { askWandbKey } from '../../../loggers/wandbKey.ts';
import { WandbOutlet, type WandbRecord, type WandbRunSettings } from '../../../loggers/wandbOutlet.ts';
import {
  SUMMARY_CHOICES,
  WandbSummary,
  type SummaryChoice,
  type SummaryState,
} from '../../../loggers/wandbSummary.ts';

interface Row {
  step: number;
  values: Record<string, unknown>;
}

/** What a resumed run needs besides the run's settings. */
interface SavedRows {
  readonly open: Row | null;
  readonly nextStep: number;
  /** Milliseconds since the run began, without the time between. */
  readonly runtimeMs: number;
  readonly summary: SummaryState;
}

const ARGS = declareArgs({
  init_kwargs: optional(orNone(dict), null, 'The arguments of wandb.init.'),
  ...LOGGER_ARGS.table,
  commit: optional(flag, true, 'False: collect values in one row until the step changes.'),
  with_step: optional(flag, true, 'False: count the rows, and log the iteration as global_step.'),
  log_artifact: optional(flag, true, 'Upload files of the work dir at the end.'),
  out_suffix: optional(
    oneOrMore(str),
    ['.log.json', '.log', '.py'],
    'Which ones, by the ends of their names.',
  ),
  define_metric_cfg: optional(
    orNone(dict),
    null,
    "What the summary keeps of a metric instead of its last value: {'val/bbox_mAP': 'max'}.",
  ),
});

/**
 * Logs to Weights & Biases. The key comes from WANDB_API_KEY, or from a person, asked once per session.
 * Source: mmcv 1.7.2 `hooks/logger/wandb.py`. Differs: the training never waits for the network; the files of the work
 * dir are uploaded as the run's files, not as an artifact; a row whose step is not above the last one is sent, where
 * W&B's client drops it.
 */
export class WandbLoggerHook extends RemoteLoggerHook<WandbRecord, WandbRunSettings> {
  static readonly args: ArgSpec = ARGS;
  override readonly serviceName = 'W&B';
  override readonly service = 'wandb';
  readonly #init: WandbInit;
  readonly #commit: boolean;
  readonly #withStep: boolean;
  readonly #logArtifact: boolean;
  readonly #outSuffix: readonly string[];
  readonly #summary: WandbSummary;
  #open: Row | null = null;
  #nextStep = 0;
  #runtimeMs = 0;
  #startMs = 0;

  constructor(args: ArgsOf<typeof ARGS>, context: BuildContext, pace?: RemotePace) {
    super(args, context, pace);
    const all = withDefaults(ARGS, args);
    this.#init = readWandbInit(all.initKwargs ?? {}, context);
    this.#commit = all.commit;
    this.#withStep = all.withStep;
    this.#logArtifact = all.logArtifact;
    this.#outSuffix = [all.outSuffix].flat();
    this.#summary = new WandbSummary(readChoices(all.defineMetricCfg ?? {}, context));
  }

  override beforeRun(runner: BaseRunner): Promise<void> {
    this.#startMs = Date.now() - this.#runtimeMs;
    return super.beforeRun(runner);
  }

  protected override settingsOf(saved: WandbRunSettings | null): WandbRunSettings | null {
    const { isDisabled, hasId, settings } = this.#init;
    if (isDisabled) return null;
    const isSamePlace =
      saved &&
      this.isSameServer(saved, settings) &&
      saved.project === settings.project &&
      saved.entity === settings.entity;
    if (!isSamePlace || (hasId && saved.key !== settings.key)) return settings;
    return { ...settings, key: saved.key, firstLine: saved.firstLine };
  }

  protected override isSameServer(a: WandbRunSettings, b: WandbRunSettings): boolean {
    return a.baseUrl === b.baseUrl;
  }

  protected override makeOutlet(
    settings: WandbRunSettings,
    parts: OutletParts<WandbRunSettings>,
  ): WandbOutlet {
    const askKey = (refused: string | null): Promise<string> =>
      askWandbKey(this.context.services, settings.baseUrl, refused);
    return new WandbOutlet(settings, { ...parts, askKey });
  }

  override stateDict(): HookState | undefined {
    const state = super.stateDict();
    const rows: SavedRows = {
      open: this.#open,
      nextStep: this.#nextStep,
      runtimeMs: Date.now() - this.#startMs,
      summary: this.#summary.stateDict(),
    };
    return state && { ...state, rows: JSON.stringify(rows) };
  }

  override loadStateDict(state: HookState): void {
    super.loadStateDict(state);
    const { open, nextStep, runtimeMs, summary } = JSON.parse(String(state.rows)) as SavedRows;
    this.#open = open;
    this.#nextStep = nextStep;
    this.#runtimeMs = runtimeMs;
    this.#summary.loadStateDict(summary);
  }

  override async log(runner: BaseRunner): Promise<void> {
    const tags = [...this.getLoggableTags(runner)];
    if (tags.length === 0) return;
    const values = Object.fromEntries(
      tags.map(([tag, v]) => [tag, typeof v === 'number' ? jsonNumber(v) : v]),
    );
    const iter = this.getIter(runner);
    const step = this.#withStep ? iter : this.#nextStep;
    if (this.#open && this.#open.step !== step) await this.#finishRow();
    this.#open ??= { step, values: {} };
    Object.assign(this.#open.values, values, !this.#withStep && { global_step: iter });
    if (this.#commit) await this.#finishRow();
  }

  protected override lastRecords(outcome: RunOutcome): WandbRecord[] {
    const row = this.#takeRow();
    return [...(row ? [row] : []), { kind: 'end', exitCode: outcome === 'failed' ? 1 : 0 }];
  }

  protected override async lastFiles(runner: BaseRunner, outcome: RunOutcome): Promise<UploadRecord[]> {
    if (!this.#logArtifact || outcome === 'failed') return [];
    await runner.logger.flush();
    const names = await filesBelow(runner.fs, runner.workDir, '');
    return names
      .filter((name) => this.#outSuffix.some((suffix) => name.endsWith(suffix)))
      .map((name) => ({ kind: 'file', path: joinPath(runner.workDir, name), name }));
  }

  async #finishRow(): Promise<void> {
    const row = this.#takeRow();
    if (row) await this.push(row);
  }

  #takeRow(): WandbRecord | null {
    if (!this.#open) return null;
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
    return { kind: 'row', n: this.takeNumber(), row, summary: this.#summary.update(row) };
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
